//! Hidden states and gradients against those of an independent PyTorch run (`fixtures/make_reference.py`).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::model;
use lapidary_gru4rec::Settings;
use lapidary_testkit::backbone::agrees_with_reference;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/reference.safetensors"
);
const DIM: i64 = 6;
const MAX_LEN: i64 = 5;

fn compare(case: &str, settings: Settings) {
    agrees_with_reference(model(settings, DIM, MAX_LEN), FIXTURE, case);
}

fn settings(hidden: Option<i64>) -> Settings {
    Settings {
        layers: 2,
        hidden,
        ..Settings::default()
    }
}

#[test]
fn as_many_units_as_the_embedding_is_wide_agree_with_pytorch() {
    compare("same", settings(None));
}

#[test]
fn more_units_and_a_projection_agree_with_pytorch() {
    compare("wide", settings(Some(9)));
}
