//! SentencePiece tokenizers from GGUF files against the library that trains them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::fixture;
use lapidary_llm_local::gguf::Gguf;
use lapidary_llm_local::tokenizer::TextCodec;
use lapidary_sdk::prelude::*;

#[derive(serde::Deserialize)]
struct Expected {
    text: String,
    ids: Vec<i64>,
}

#[test]
fn token_ids_are_those_of_sentencepiece() {
    let codec = TextCodec::from_gguf(&Gguf::open(&fixture("sentencepiece.gguf")).unwrap()).unwrap();
    let all = std::fs::read(fixture("sentencepiece.json")).unwrap();
    let all: Vec<Expected> = serde_json::from_slice(&all).unwrap();
    assert!(all.len() > 15);
    for Expected { text, ids } in all {
        let prompt = codec.prompt(&Prompt::Text(text.clone())).unwrap();
        let found = codec.prompt_tokens(&prompt).unwrap();
        assert_eq!(found[0], 1, "the token that begins a text");
        assert_eq!(found[1..], ids, "{text:?}");
        assert_eq!(codec.decode(&found).unwrap(), text.replace('▁', " "));
    }
}
