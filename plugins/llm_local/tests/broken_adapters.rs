//! What is done with adapters that do not fit.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use std::path::{Path, PathBuf};

use common::adapters::{local, lora, request, write};
use common::fixture;
use lapidary_sdk::prelude::*;
use serde_json::{Value, json};

/// A copy of PEFT's adapter with another configuration and other tensors.
fn broken(
    config: impl Fn(&mut Value),
    tensors: impl Fn(&mut Vec<(String, Tensor)>),
) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let source = fixture("tiny_llama_lora");
    let text = std::fs::read(source.join("adapter_config.json")).unwrap();
    let mut json: Value = serde_json::from_slice(&text).unwrap();
    config(&mut json);
    let mut all = Tensor::read_safetensors(source.join("adapter_model.safetensors")).unwrap();
    tensors(&mut all);
    write(&State { tensors: all, json }, folder.path());
    let path = folder.path().to_owned();
    (folder, path)
}

fn refusal(folder: &Path, model: &str) -> String {
    let llm = local(|s| {
        s.model = fixture(model).display().to_string();
        s.adapter = Some(folder.display().to_string());
    });
    llm.expect_err("it is refused").to_string()
}

#[test]
fn configurations_that_cannot_be_used_are_refused_by_their_keys() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let (_kept, path) = broken(change, |_| {});
        refusal(&path, "tiny_llama")
    };
    for (key, value, expected) in [
        ("peft_type", json!("IA3"), "`peft_type` is IA3; `LORA`"),
        ("r", json!(0), "`r` is missing or no rank"),
        ("lora_alpha", json!("8"), "`lora_alpha` is missing"),
        ("use_dora", json!(true), "`use_dora` is true"),
        ("bias", json!("all"), "`bias` is \"all\""),
        (
            "init_lora_weights",
            json!("pissa"),
            "`init_lora_weights` is",
        ),
        ("use_qalora", json!(true), "`use_qalora` is true"),
        (
            "modules_to_save",
            json!(["lm_head"]),
            "`modules_to_save` is",
        ),
        ("rank_pattern", json!({"q_proj": 2}), "`rank_pattern` is"),
        ("target_modules", json!([1]), "`target_modules` holds"),
        (
            "target_modules",
            json!(["q_porj"]),
            "did you mean `q_proj`?",
        ),
        (
            "target_modules",
            json!(["query_key_value"]),
            "which has down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj",
        ),
    ] {
        let message = refused(&|json| json[key] = value.clone());
        assert!(message.contains(expected), "{key}: {message}");
        assert!(message.contains("adapter_"), "{message}");
    }
    let message = refused(&|json| json["r"] = json!(4));
    assert!(
        message.contains("with rank 4 this model needs [4, "),
        "{message}"
    );
}

#[test]
fn tensors_that_do_not_fit_are_refused_by_their_names() {
    const NAME: &str = "base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight";
    let refused = |change: fn(&mut Vec<(String, Tensor)>)| {
        let (_kept, path) = broken(|_| {}, change);
        refusal(&path, "tiny_llama")
    };
    let message = refused(|all| all.retain(|(n, _)| n != NAME));
    assert!(
        message.ends_with(&format!("tensor `{NAME}` is missing")),
        "{message}"
    );
    let message = refused(|all| {
        for (_, tensor) in all.iter_mut().filter(|(n, _)| n == NAME) {
            *tensor = tensor.narrow(0, 0, 5).copy();
        }
    });
    assert!(
        message.contains(NAME) && message.contains("[5, 3]"),
        "{message}"
    );
    let message = refused(|all| {
        for (n, _) in all.iter_mut().filter(|(n, _)| n == NAME) {
            *n = n.replace("layers.1", "layers.9");
        }
    });
    assert!(
        message.contains("layers.9") && message.contains("made for another"),
        "{message}"
    );
    let message = refused(|all| all.clear());
    assert!(message.contains("is missing"), "{message}");
}

#[test]
fn folders_without_an_adapter_and_damaged_files_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    let message = refusal(empty.path(), "tiny_llama");
    assert!(
        message.contains("adapter_config.json: there is no such file"),
        "{message}"
    );
    let (_kept, path) = broken(|_| {}, |_| {});
    let file = path.join("adapter_model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let message = refusal(&path, "tiny_llama");
    assert!(
        message.contains("adapter_model.safetensors: unusable"),
        "{message}"
    );
    std::fs::write(path.join("adapter_config.json"), "{").unwrap();
    let message = refusal(&path, "tiny_llama");
    assert!(message.contains("adapter_config.json: "), "{message}");
}

#[test]
fn a_state_that_does_not_fit_leaves_the_model_as_it_was() {
    let mut llm = local(|_| {}).unwrap();
    let before = llm.answer(&[request()]).unwrap();
    let mut other = local(|_| {}).unwrap();
    other.adapt(&lora()).unwrap();
    let mut state = Component::save(&other).unwrap();
    drop(state.tensors.remove(0));
    assert!(Component::load(&mut llm, &state).is_err());
    assert_eq!(llm.answer(&[request()]).unwrap(), before);
    let bad = [
        (0u32, 1.0, "q_proj", "`rank`"),
        (2, 0.0, "q_proj", "`alpha`"),
        (2, 1.0, "qproj", "did you mean `q_proj`?"),
    ];
    for (rank, alpha, target, expected) in bad {
        let settings = LoraSettings {
            targets: vec![target.to_owned()],
            rank,
            alpha,
            seed: 0,
        };
        let error = llm.adapt(&settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = llm.log_likelihoods(&[Request {
        ask: Ask::Complete {
            max_tokens: 1,
            stop: Vec::new(),
            temperature: 0.0,
            seed: 0,
            schema: None,
        },
        ..request()
    }]);
    assert!(error.unwrap_err().to_string().contains("has no gradient"));
}
