//! The component keeps what every language model promises, linked in and loaded.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Act, TestServer, failure};
use lapidary_sdk::Kind;
use lapidary_testkit::conformance::{Case, both_ways};
use lapidary_testkit::library::plugin_library;

#[test]
fn the_component_is_the_same_linked_in_and_loaded() {
    let server = TestServer::start(|_, call| match call.body["prompt"].as_str() {
        Some(prompt) if prompt.len() > 100_000 => failure(400, "the context holds 20000 tokens"),
        _ => Act::Reply,
    });
    let case = |likelihoods| Case {
        kind: Kind::Llm,
        name: "openai",
        settings: serde_json::json!({
            "base_url": server.url, "model": "tiny", "key_env": "LAPIDARY_UNSET_API_KEY",
            "likelihoods": likelihoods, "top_logprobs": 28
        }),
    };
    let cases = [case("echo"), case("next_token")];
    both_ways(&plugin_library("llm_openai"), &cases);
}
