//! What the tests of this crate share.
#![allow(dead_code, clippy::disallowed_methods)]

use lapidary_bert4rec::{Bert4Rec, Settings};
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
pub fn model(settings: Settings, dim: i64, max_len: i64) -> Bert4Rec {
    tch::manual_seed(3);
    Bert4Rec::create(settings, context(dim, max_len)).unwrap()
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

/// Adam on the model's parameters; the loss before and after.
pub fn train(model: &impl Backbone, steps: i32, loss: impl Fn() -> Tensor) -> [f64; 2] {
    let parameters: Vec<_> = model.parameters().unwrap();
    let mut moments: Vec<_> = parameters
        .iter()
        .map(|(_, p)| [p.zeros_like().detach(), p.zeros_like().detach()])
        .collect();
    let before = loss().double_value(&[]);
    for step in 1..=steps {
        loss().backward();
        let _no_grad = tch::no_grad_guard();
        for ((_, parameter), [mean, square]) in parameters.iter().zip(&mut moments) {
            let gradient = parameter.grad();
            *mean = &*mean * 0.9 + &gradient * 0.1;
            *square = &*square * 0.99 + gradient.square() * 0.01;
            let scale = (&*square / (1.0 - 0.99f64.powi(step))).sqrt() + 1e-8;
            let update = &*mean / (1.0 - 0.9f64.powi(step)) / scale * 0.01;
            let _ = parameter.shallow_clone().subtract_(&update);
            let _ = parameter.grad().zero_();
        }
    }
    [before, loss().double_value(&[])]
}
