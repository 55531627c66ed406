//! What it can learn. Alone in its process: libtorch has one generator for all threads.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use common::{mask, model, train};
use lapidary_gru4rec::Settings;
use lapidary_sdk::prelude::*;

/// Only memory can tell the first of five items at the last.
#[test]
fn remembers_the_first_item_of_a_sequence() {
    let (rows, length, dim) = (64, 5, 8);
    let settings = Settings {
        hidden: Some(24),
        dropout_embedding: 0.0,
        dropout_hidden: 0.0,
        ..Settings::default()
    };
    let model = model(settings, dim, length);
    let drawn = Tensor::randint(dim, [rows, length], (DType::Int64, Device::Cpu));
    let items = Tensor::eye(dim, (DType::Float, Device::Cpu)).index_select(0, &drawn.view(-1));
    let input = items.view([rows, length, dim]);
    let mask = mask(&vec![length; rows as usize], length);
    let [before, after] = train(&model, 300, || {
        let hidden = model.forward(&input, &mask, true).unwrap();
        let last = hidden.select(1, length - 1);
        last.cross_entropy_for_logits(&drawn.select(1, 0))
    });
    assert!(before > 1.5 && after < 0.2, "{before} {after}");
}
