//! The component keeps what every language model promises, linked in and loaded.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Act, TestServer, failure};
use lapidary_testkit::in_tests::{both_ways, case};
use lapidary_testkit::library::of_this_test;

#[test]
fn the_component_is_the_same_linked_in_and_loaded() {
    let server = TestServer::start(|_, call| match call.body["prompt"].as_str() {
        Some(prompt) if prompt.len() > 100_000 => failure(400, "the context holds 20000 tokens"),
        _ => Act::Reply,
    });
    let way = |likelihoods| {
        let settings = serde_json::json!({
            "base_url": server.url, "model": "tiny", "key_env": "LAPIDARY_UNSET_API_KEY",
            "likelihoods": likelihoods, "top_logprobs": 28
        });
        case("llm", "openai", settings)
    };
    let cases = [way("echo"), way("next_token")];
    both_ways(&of_this_test(env!("CARGO_PKG_NAME")), &cases);
}
