//! Hidden states and gradients against those of an independent PyTorch run (`fixtures/make_reference.py`).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{largest_difference, mask, model};
use lapidary_bert4rec::{NormOrder, Settings};
use lapidary_sdk::component::find;
use lapidary_sdk::prelude::*;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/reference.safetensors"
);
const DIM: i64 = 8;
const MAX_LEN: i64 = 7;

fn compare(case: &str, settings: Settings) {
    let fixture = Tensor::read_safetensors(FIXTURE).unwrap();
    let tensor = |name: &str| find(&fixture, name).unwrap();
    let own = |name: &str| tensor(&format!("{case}.{name}"));
    let prefix = format!("{case}.weights.");
    let weights = fixture.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(&prefix)?.to_owned();
        Some((name, value.shallow_clone()))
    });
    let state = State {
        tensors: weights.collect(),
        ..State::default()
    };
    let mut model = model(settings, DIM, MAX_LEN);
    model.load(&state).unwrap();

    let lengths = Vec::<i64>::try_from(tensor("lengths")).unwrap();
    let input = tensor("input").copy().set_requires_grad(true);
    let mask = mask(&lengths, input.size()[1]);
    let hidden = model.forward(&input, &mask, false).unwrap();
    let real = mask.unsqueeze(2).to_kind(DType::Float);
    let difference = largest_difference(&(&hidden * &real), &(own("hidden") * &real));
    assert!(difference < 1e-5, "hidden states: {difference}");

    (hidden * tensor("target")).sum(DType::Float).backward();
    let close = |name: &str, ours: &Tensor, theirs: &Tensor| {
        let scale = theirs.abs().max().double_value(&[]).max(1.0);
        let difference = largest_difference(ours, theirs);
        assert!(difference < 1e-5 * scale, "{name}: {difference}");
    };
    close("input", &input.grad(), own("gradient"));
    let parameters = model.parameters().unwrap();
    assert_eq!(parameters.len(), state.tensors.len());
    for (name, parameter) in parameters {
        close(&name, &parameter.grad(), own(&format!("gradients.{name}")));
    }
}

#[test]
fn post_norm_with_the_head_agrees_with_pytorch() {
    compare("post", Settings::default());
}

#[test]
fn pre_norm_without_the_head_agrees_with_pytorch() {
    let settings = Settings {
        norm: NormOrder::Pre,
        head: false,
        ..Settings::default()
    };
    compare("pre", settings);
}
