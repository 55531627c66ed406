//! Builds a tokenizer from the metadata of a GGUF file, as a `tokenizer.json` value: here byte-level BPE.

use serde_json::{Map, Value as Json, json};

use lapidary_sdk::prelude::*;

use crate::gguf::{Gguf, Value};
use crate::sentencepiece;

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How text is cut before the merges, by the name in `tokenizer.ggml.pre`.
struct Cut {
    names: &'static [&'static str],
    pattern: &'static str,
    single_digits: bool,
    whole_words_first: bool,
    compose: bool,
    adds_bos: bool,
}

const CUTS: [Cut; 4] = [
    Cut {
        names: &["gpt-2"],
        pattern: GPT2,
        single_digits: false,
        whole_words_first: false,
        compose: false,
        adds_bos: false,
    },
    Cut {
        names: &["smollm", "starcoder", "refact", "command-r"],
        pattern: GPT2,
        single_digits: true,
        whole_words_first: false,
        compose: false,
        adds_bos: false,
    },
    Cut {
        names: &["llama-bpe", "llama3", "llama-v3"],
        pattern: LLAMA3,
        single_digits: false,
        whole_words_first: true,
        compose: false,
        adds_bos: true,
    },
    Cut {
        names: &["qwen2", "deepseek-r1-qwen"],
        pattern: QWEN2,
        single_digits: false,
        whole_words_first: false,
        compose: true,
        adds_bos: false,
    },
];

const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// The `tokenizer.json` that the metadata describe.
///
/// # Errors
/// When the tokenizer is of another type, cuts text in an unknown way, or the metadata contradict each other.
pub fn tokenizer_json(file: &Gguf) -> Result<Json> {
    match file.text("tokenizer.ggml.model")? {
        Some("gpt2") => byte_level_json(file),
        Some("llama") => sentencepiece::tokenizer_json(file),
        other => Err(file.fault(format!(
            "tokenizer of type `{}`; byte-level BPE (`gpt2`) and SentencePiece BPE (`llama`) can be read",
            other.unwrap_or("none")
        ))),
    }
}

fn byte_level_json(file: &Gguf) -> Result<Json> {
    let cut = find_cut(file)?;
    let tokens = file.texts("tokenizer.ggml.tokens")?;
    let merges = file.texts("tokenizer.ggml.merges")?;
    let types = token_types(file, tokens)?;
    Ok(json!({
        "version": "1.0",
        "added_tokens": added_tokens(tokens, types),
        "normalizer": cut.compose.then(|| json!({"type": "NFC"})),
        "pre_tokenizer": pre_tokenizer(cut),
        "post_processor": bos(file, cut.adds_bos, tokens)?,
        "decoder": byte_level(),
        "model": {
            "type": "BPE",
            "ignore_merges": cut.whole_words_first,
            "vocab": vocabulary(file, tokens)?,
            "merges": merges,
        },
    }))
}

/// The tokens' numbers.
pub(crate) fn vocabulary(file: &Gguf, tokens: &[String]) -> Result<Map<String, Json>> {
    let mut vocabulary = Map::new();
    for (id, token) in tokens.iter().enumerate() {
        if vocabulary.insert(token.clone(), json!(id)).is_some() {
            return Err(file.fault(format!("token `{token}` stands twice in the vocabulary")));
        }
    }
    Ok(vocabulary)
}

fn find_cut(file: &Gguf) -> Result<&'static Cut> {
    let name = file.text("tokenizer.ggml.pre")?.unwrap_or("default");
    CUTS.iter()
        .find(|c| c.names.contains(&name))
        .ok_or_else(|| {
            let known: Vec<_> = CUTS.iter().flat_map(|c| c.names).copied().collect();
            file.fault(format!(
                "`tokenizer.ggml.pre` is `{name}`: how it cuts text is not known here; known: {}",
                known.join(", ")
            ))
        })
}

fn byte_level() -> Json {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false})
}

fn pre_tokenizer(cut: &Cut) -> Json {
    let split = json!({"type": "Split", "pattern": {"Regex": cut.pattern}, "behavior": "Isolated", "invert": false});
    let mut steps = vec![split, byte_level()];
    if cut.single_digits {
        steps.insert(0, json!({"type": "Digits", "individual_digits": true}));
    }
    json!({"type": "Sequence", "pretokenizers": steps})
}

/// What sort of token each one is.
pub(crate) fn token_types<'a>(file: &'a Gguf, tokens: &[String]) -> Result<&'a [i64]> {
    match file.get("tokenizer.ggml.token_type") {
        Some(Value::Ints(types)) if types.len() == tokens.len() => Ok(types),
        _ => {
            Err(file
                .fault("`tokenizer.ggml.token_type` is missing or not as long as the vocabulary"))
        }
    }
}

/// Control tokens and tokens that the model's makers added: both are recognised in text.
pub(crate) fn added_tokens(tokens: &[String], types: &[i64]) -> Vec<Json> {
    let added = tokens
        .iter()
        .zip(types)
        .enumerate()
        .filter(|(_, (_, kind))| matches!(**kind, CONTROL | USER_DEFINED));
    added
        .map(|(id, (token, &kind))| {
            json!({
                "id": id, "content": token, "special": kind == CONTROL, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false,
            })
        })
        .collect()
}

/// Puts the token that begins a text there, where the model wants it.
pub(crate) fn bos(file: &Gguf, default: bool, tokens: &[String]) -> Result<Option<Json>> {
    let wanted = file
        .int("tokenizer.ggml.add_bos_token")?
        .map_or(default, |flag| flag != 0);
    if !wanted {
        return Ok(None);
    }
    let id = file.need(
        "tokenizer.ggml.bos_token_id",
        file.int("tokenizer.ggml.bos_token_id")?,
    )?;
    let token = usize::try_from(id).ok().and_then(|id| tokens.get(id));
    let token = file.need("tokenizer.ggml.bos_token_id", token)?;
    Ok(Some(json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}},
    })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    fn pieces(name: &str, text: &str) -> Vec<String> {
        let cut = CUTS.iter().find(|c| c.names.contains(&name)).unwrap();
        let splitter: tokenizers::PreTokenizerWrapper =
            serde_json::from_value(pre_tokenizer(cut)).unwrap();
        let mut cut_text = PreTokenizedString::from(text);
        splitter.pre_tokenize(&mut cut_text).unwrap();
        let splits = cut_text.get_splits(OffsetReferential::Original, OffsetType::Byte);
        splits
            .into_iter()
            .map(|(piece, _, _)| piece.replace('Ġ', " ").replace('Ċ', "\n"))
            .collect()
    }

    #[test]
    fn each_name_cuts_as_its_model_was_trained() {
        let text = "I'LL pay $1234 (now)!\n\n  ok";
        assert_eq!(
            pieces("gpt-2", text),
            [
                "I", "'", "LL", " pay", " $", "1234", " (", "now", ")!", "\n\n ", " ok"
            ]
        );
        assert_eq!(
            pieces("smollm", text),
            [
                "I", "'", "LL", " pay", " $", "1", "2", "3", "4", " (", "now", ")!", "\n\n ", " ok"
            ]
        );
        assert_eq!(
            pieces("llama-bpe", text),
            [
                "I", "'LL", " pay", " $", "123", "4", " (", "now", ")!\n\n", " ", " ok"
            ]
        );
        assert_eq!(
            pieces("qwen2", text),
            [
                "I", "'LL", " pay", " $", "1", "2", "3", "4", " (", "now", ")!\n\n", " ", " ok"
            ]
        );
    }
}
