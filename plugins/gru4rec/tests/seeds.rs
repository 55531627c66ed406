//! What is random, and from where. Alone in its process: libtorch has one generator for all threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{context, mask};
use lapidary_gru4rec::{Gru4Rec, Settings};
use lapidary_sdk::prelude::*;

#[test]
fn weights_and_dropout_are_drawn_from_libtorchs_generator() {
    let create = |seed| {
        tch::manual_seed(seed);
        Gru4Rec::create(Settings::default(), context(12, 6)).unwrap()
    };
    let input = Tensor::randn([2, 6, 12], (DType::Float, Device::Cpu));
    let mask = mask(&[6, 2], 6);
    let run = |model: &Gru4Rec, seed, train| {
        tch::manual_seed(seed);
        model.forward(&input, &mask, train).unwrap()
    };
    let model = create(5);
    assert_eq!(run(&model, 1, false), run(&create(5), 2, false));
    assert_ne!(run(&model, 1, false), run(&create(6), 1, false));
    assert_eq!(run(&model, 1, true), run(&model, 1, true));
    assert_ne!(run(&model, 1, true), run(&model, 2, true));
    assert_ne!(run(&model, 1, true), run(&model, 1, false));
}
