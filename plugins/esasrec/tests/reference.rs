//! Hidden states and gradients against those of an independent PyTorch run (`fixtures/make_reference.py`).
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use lapidary_esasrec::{ESasRec, Settings};
use lapidary_testkit::backbone::{agrees_with_reference, model};

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/reference.safetensors"
);

#[test]
fn agrees_with_rectools() {
    let model: ESasRec = model(Settings::default(), 8, 7);
    agrees_with_reference(model, FIXTURE, "ligr");
}
