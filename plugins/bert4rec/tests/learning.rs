//! What it can learn. Alone in its process: libtorch has one generator for all threads.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use common::{mask, model, train};
use lapidary_bert4rec::Settings;
use lapidary_sdk::prelude::*;

/// The item at the mask is the one after it in every sequence: what a causal model cannot see.
#[test]
fn tells_a_masked_item_from_the_one_after_it() {
    let (rows, length, dim) = (64, 5, 8);
    let settings = Settings {
        dropout: 0.0,
        ..Settings::default()
    };
    let model = model(settings, dim, length);
    let drawn = Tensor::randint(dim, [rows, length], (DType::Int64, Device::Cpu));
    let items = Tensor::eye(dim, (DType::Float, Device::Cpu)).index_select(0, &drawn.view(-1));
    let input = items.view([rows, length, dim]);
    let _ = input.narrow(1, 2, 1).zero_();
    let mask = mask(&vec![length; rows as usize], length);
    let [before, after] = train(&model, 300, || {
        let hidden = model.forward(&input, &mask, true).unwrap();
        let masked = hidden.select(1, 2) * 4.0;
        masked.cross_entropy_for_logits(&drawn.select(1, 3))
    });
    assert!(before > 1.5 && after < 0.2, "{before} {after}");
}
