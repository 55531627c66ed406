//! Builds a SentencePiece BPE tokenizer from the metadata of a GGUF file (`llama`), as a `tokenizer.json` value.
//!
//! SentencePiece joins the two neighbours whose joint piece has the best score; the `tokenizers` library follows a list
//! of merges. So every way to make a piece of two others becomes a merge, the best score first. Characters without a
//! piece fall back to bytes.

use serde_json::{Map, Value as Json, json};

use lapidary_sdk::prelude::*;

use crate::gguf::{Gguf, Value};
use crate::gguf_tokenizer::{added_tokens, bos, token_types, vocabulary};

const NORMAL: i64 = 1;
const UNKNOWN: i64 = 2;
/// What stands for a space.
const SPACE: &str = "▁";

/// The `tokenizer.json` that the metadata describe. As llama.cpp does, it puts a space in front of a text and after each
/// special token, unless `tokenizer.ggml.add_space_prefix` says no.
///
/// # Errors
/// When the metadata are incomplete or contradict each other.
pub fn tokenizer_json(file: &Gguf) -> Result<Json> {
    let tokens = file.texts("tokenizer.ggml.tokens")?;
    let types = token_types(file, tokens)?;
    let scores = match file.get("tokenizer.ggml.scores") {
        Some(Value::Floats(scores)) if scores.len() == tokens.len() => scores,
        _ => {
            let fault = "`tokenizer.ggml.scores` is missing or not as long as the vocabulary";
            return Err(file.fault(fault));
        }
    };
    let vocabulary = vocabulary(file, tokens)?;
    let unknown = types.iter().position(|&kind| kind == UNKNOWN);
    let prefix = file.int("tokenizer.ggml.add_space_prefix")? != Some(0);
    let replace = |from: &str, to: &str| json!({"type": "Replace", "pattern": {"String": from}, "content": to});
    let mut normalizers = vec![replace(" ", SPACE)];
    let mut decoders = vec![
        replace(SPACE, " "),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": SPACE}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    Ok(json!({
        "version": "1.0",
        "added_tokens": added_tokens(tokens, types),
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "post_processor": bos(file, true, tokens)?,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "unk_token": unknown.and_then(|id| tokens.get(id)),
            "fuse_unk": true,
            "byte_fallback": true,
            "merges": merges(tokens, types, scores, &vocabulary),
            "vocab": vocabulary,
        },
    }))
}

/// Every way to make a piece of two others, the best score first; for one piece in the order of its halves' numbers.
fn merges(
    tokens: &[String],
    types: &[i64],
    scores: &[f64],
    vocabulary: &Map<String, Json>,
) -> Vec<[String; 2]> {
    let number = |half: &str| {
        let id = vocabulary.get(half)?.as_u64()?;
        let kind = types.get(usize::try_from(id).ok()?)?;
        (*kind == NORMAL).then_some(id)
    };
    let mut pieces: Vec<_> = tokens
        .iter()
        .zip(types)
        .zip(scores)
        .filter(|((_, kind), _)| **kind == NORMAL)
        .map(|((token, _), score)| (token.as_str(), *score))
        .collect();
    pieces.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut merges = Vec::new();
    for (piece, _) in pieces {
        let halves = piece.char_indices().skip(1).filter_map(|(at, _)| {
            let (left, right) = piece.split_at_checked(at)?;
            Some(((number(left)?, number(right)?), [left, right]))
        });
        let mut halves: Vec<_> = halves.collect();
        halves.sort_by_key(|(numbers, _)| *numbers);
        merges.extend(halves.into_iter().map(|(_, pair)| pair.map(str::to_owned)));
    }
    merges
}
