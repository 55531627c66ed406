//! Tiny models with random weights against what transformers computes with them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{changed, fixture, ints, logits, replace, tensors, tiny, worst};
use lapidary_llm_local::files::ModelFiles;
use lapidary_llm_local::generate::{Task, generate};
use lapidary_llm_local::tokenizer::TextCodec;
use lapidary_sdk::prelude::*;

const MODELS: [&str; 4] = ["tiny_llama", "tiny_qwen2", "tiny_qwen3", "tiny_gemma3"];

#[test]
fn logits_agree_from_folders_and_from_gguf_files() {
    for (name, ending) in MODELS.into_iter().flat_map(|m| [(m, ""), (m, ".gguf")]) {
        let model = tiny(&format!("{name}{ending}"));
        let expected = tensors(&format!("{name}_expected.safetensors"));
        for i in 0..2 {
            let found = logits(&model, &ints(&expected[&format!("ids.{i}")]));
            let length = found.size()[0];
            let reference = &expected[&format!("logits.{i}")];
            let off = worst(&found.narrow(0, length - 4, 4), reference);
            let spread = reference.std(false).double_value(&[]);
            assert!(
                spread > 0.5,
                "{name}: the fixture's logits are all alike ({spread})"
            );
            assert!(off < 1e-4, "{name}{ending}, sequence {i}: {off} off");
        }
    }
}

#[test]
fn greedy_answers_agree_though_batched_with_other_lengths() {
    for name in MODELS {
        let files = ModelFiles::open(&fixture(name)).unwrap();
        let (model, codec) = (tiny(name), files.codec().unwrap());
        let expected = tensors(&format!("{name}_expected.safetensors"));
        let tasks: Vec<Task> = (0..2)
            .map(|i| Task {
                prompt: ints(&expected[&format!("ids.{i}")]),
                max_tokens: 12,
                stop: Vec::new(),
                temperature: 0.0,
                seed: 0,
            })
            .collect();
        let answers = tch::no_grad(|| generate(&model, &codec, &tasks, 1024)).unwrap();
        for (i, answer) in answers.iter().enumerate() {
            let mut tokens = ints(&expected[&format!("greedy.{i}")]);
            if let Some(end) = tokens.iter().position(|&t| codec.is_end(t)) {
                tokens.truncate(end);
            }
            assert!(!tokens.is_empty());
            assert_eq!(
                *answer,
                codec.decode(&tokens).unwrap(),
                "{name}, sequence {i}"
            );
        }
    }
}

#[test]
fn the_metadata_of_gguf_make_the_same_tokenizer() {
    for (name, adds_bos) in [
        ("tiny_llama", true),
        ("tiny_qwen2", false),
        ("tiny_qwen3", false),
    ] {
        let codec = |name: &str| ModelFiles::open(&fixture(name)).unwrap().codec().unwrap();
        let (folder, file) = (codec(name), codec(&format!("{name}.gguf")));
        for text in [
            "The movie is best known",
            "<|start|>user\nIt's 1999!<|end|>",
            "  é 東\n",
        ] {
            let prompt = folder.prompt(&Prompt::Text(text.to_owned())).unwrap();
            let (expected, found) = (
                folder.prompt_tokens(&prompt).unwrap(),
                file.prompt_tokens(&prompt).unwrap(),
            );
            let (lead, found) = found.split_at(usize::from(adds_bos));
            assert_eq!(lead.iter().sum::<i64>(), 0);
            assert_eq!(found, expected, "{text}");
            let continuation = |codec: &TextCodec| {
                let tokens = codec.prompt_tokens(&prompt).unwrap();
                codec
                    .continuation_tokens(&prompt, &tokens, " love story")
                    .unwrap()
            };
            assert_eq!(continuation(&file), continuation(&folder));
        }
    }
}

#[test]
fn files_say_what_they_hold() {
    let llama = ModelFiles::open(&fixture("tiny_llama")).unwrap();
    assert_eq!(
        llama.parameters(),
        2 * 304 * 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32 + 64) + 32
    );
    assert!(llama.codec().unwrap().has_chat());
    let qwen = ModelFiles::open(&fixture("tiny_qwen2")).unwrap();
    assert_eq!(qwen.name(), "tiny_qwen2");
    assert!(!qwen.codec().unwrap().has_chat());
    let gguf = ModelFiles::open(&fixture("tiny_llama.gguf")).unwrap();
    assert_eq!(
        (gguf.parameters(), gguf.name().as_str()),
        (llama.parameters(), "tiny_llama")
    );
    assert_ne!(llama.sha256().unwrap(), qwen.sha256().unwrap());
}

#[test]
fn damaged_and_foreign_folders_are_refused_with_their_reason() {
    type Change = fn(&std::path::Path);
    let cases: [(&str, Change, &str); 9] = [
        (
            "tiny_llama",
            |p| {
                replace(
                    &p.join("config.json"),
                    "LlamaForCausalLM",
                    "MambaForCausalLM",
                )
            },
            "`MambaForCausalLM`",
        ),
        (
            "tiny_llama",
            |p| replace(&p.join("config.json"), "\"silu\"", "\"gelu\""),
            "`gelu`",
        ),
        (
            "tiny_llama",
            |p| {
                replace(
                    &p.join("config.json"),
                    "\"hidden_size\": 32",
                    "\"hidden_size\": 64",
                )
            },
            "has shape",
        ),
        (
            "tiny_llama",
            |p| {
                replace(
                    &p.join("config.json"),
                    "\"num_hidden_layers\": 2",
                    "\"num_hidden_layers\": 1",
                )
            },
            "have no place",
        ),
        (
            "tiny_llama",
            |p| {
                replace(
                    &p.join("config.json"),
                    "\"num_hidden_layers\": 2",
                    "\"num_hidden_layers\": 3",
                )
            },
            "there is no tensor",
        ),
        (
            "tiny_llama",
            |p| {
                let bytes = std::fs::read(p.join("model.safetensors")).unwrap();
                std::fs::write(p.join("model.safetensors"), &bytes[..bytes.len() - 5]).unwrap();
            },
            "cut short",
        ),
        (
            "tiny_llama",
            |p| std::fs::write(p.join("model.safetensors"), [255; 100]).unwrap(),
            "not a safetensors file",
        ),
        (
            "tiny_qwen2",
            |p| std::fs::remove_file(p.join("model-00002-of-00003.safetensors")).unwrap(),
            "model-00002-of-00003",
        ),
        (
            "tiny_qwen2",
            |p| {
                replace(
                    &p.join("model.safetensors.index.json"),
                    "model-00001-of-00003",
                    "../model-00001-of-00003",
                )
            },
            "not the name of a file",
        ),
    ];
    for (name, change, expected) in cases {
        let folder = changed(name, change);
        let error = ModelFiles::open(folder.path())
            .and_then(|files| files.model(DType::Float, Device::Cpu).map(|_| ()))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(expected),
            "expected `{expected}` in: {error}"
        );
    }
    let folder = changed("tiny_llama", |p| {
        std::fs::remove_file(p.join("tokenizer.json")).unwrap()
    });
    let error = ModelFiles::open(folder.path())
        .unwrap()
        .codec()
        .unwrap_err()
        .to_string();
    assert!(error.contains("tokenizer.json"), "{error}");
}
