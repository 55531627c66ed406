//! What the tests of this crate share.
#![allow(dead_code, clippy::disallowed_methods)]

use lapidary_sasrec::{SasRec, Settings};
use lapidary_sdk::prelude::*;

pub fn context(dim: i64, max_len: i64) -> BackboneContext {
    let device = "cpu".to_owned();
    BackboneContext {
        dim,
        max_len,
        device,
    }
}

/// A model whose initial weights depend on nothing but the settings.
pub fn model(settings: Settings, dim: i64, max_len: i64) -> SasRec {
    tch::manual_seed(3);
    SasRec::create(settings, context(dim, max_len)).unwrap()
}

/// bool `[B,L]`: true at the first `lengths[b]` places of row b.
pub fn mask(lengths: &[i64], length: i64) -> Tensor {
    let places = Tensor::arange(length, (DType::Int64, Device::Cpu));
    places.lt_tensor(&Tensor::from_slice(lengths).unsqueeze(1))
}

pub fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}
