//! The recording keeps what every language model promises, linked in and loaded.
#![allow(clippy::unwrap_used)]

use lapidary_llm_replay::recording::write;
use lapidary_sdk::kinds::{Answer, Ask, Request};
use lapidary_testkit::conformance::llm_requests;
use lapidary_testkit::in_tests::{both_ways, case};
use lapidary_testkit::library::of_this_test;
use serde_json::json;

fn answer(request: &Request) -> Answer {
    match &request.ask {
        Ask::Complete { .. } => Answer::Text(" \"twist\".\n\u{1F44B}".to_owned()),
        Ask::Likelihood { continuations } => Answer::Likelihood {
            log_probs: (1..=continuations.len())
                .map(|i| -0.123_456_789_012_345_67 * i as f64)
                .collect(),
            tokens: vec![1; continuations.len()],
        },
    }
}

#[test]
fn the_component_is_the_same_linked_in_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("recording.jsonl");
    let requests = llm_requests();
    let answers: Vec<_> = requests.iter().map(answer).collect();
    write(&file, requests.iter().zip(&answers)).unwrap();
    let case = case("llm", "replay", json!({ "file": file }));
    both_ways(&of_this_test(env!("CARGO_PKG_NAME")), &[case]);
}
