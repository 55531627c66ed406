//! The language model keeps what every language model promises, linked in and loaded.
#![allow(clippy::panic)]

use lapidary_llm_local as _;
use serde_json::{Value, json};

lapidary_testkit::conformance!(llm: "local" = tiny_llama());

fn tiny_llama() -> Value {
    json!({ "model": concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny_llama") })
}
