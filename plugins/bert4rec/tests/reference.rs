//! Hidden states and gradients against those of an independent PyTorch run (`fixtures/make_reference.py`).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::model;
use lapidary_bert4rec::{NormOrder, Settings};
use lapidary_testkit::backbone::agrees_with_reference;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/reference.safetensors"
);
const DIM: i64 = 8;
const MAX_LEN: i64 = 7;

fn compare(case: &str, settings: Settings) {
    agrees_with_reference(model(settings, DIM, MAX_LEN), FIXTURE, case);
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
