//! Adapters against what PEFT computes with them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::adapters::{local, lora, request, write};
use common::{fixture, tensors, tiny, worst};
use lapidary_llm_local::differentiable;
use lapidary_llm_local::files::ModelFiles;
use lapidary_llm_local::likelihood::{Query, likelihoods};
use lapidary_llm_local::local::Precision;
use lapidary_llm_local::lora::Adapter;
use lapidary_llm_local::model::Llama;
use lapidary_llm_local::peft;
use lapidary_sdk::prelude::*;
use lapidary_testkit::programs::python;
use serde_json::Value;

const MODELS: [&str; 2] = ["tiny_llama", "tiny_qwen2"];

fn queries() -> Vec<Query> {
    let query = |prefix: &[i64], continuations: &[&[i64]]| Query {
        prefix: prefix.to_vec(),
        continuations: continuations.iter().map(|c| c.to_vec()).collect(),
    };
    vec![
        query(&[5, 260, 33, 270, 12], &[&[290], &[41, 8], &[41, 300, 77]]),
        query(&[5, 260, 33, 99], &[&[7, 8], &[150]]),
        query(
            &[270, 3, 99, 150, 60, 2, 31],
            &[&[12, 13, 14], &[12, 13], &[64]],
        ),
    ]
}

fn adapted(base: &str, folder: &Path) -> (Llama, Adapter) {
    let files = ModelFiles::open(&fixture(base)).unwrap();
    let adapter = peft::open(folder, &files.linear_maps(), Device::Cpu).unwrap();
    let model = files.adapted(DType::Float, Device::Cpu, Some(&adapter));
    (model.unwrap(), adapter)
}

#[test]
fn likelihoods_and_gradients_agree_with_peft_from_folders_and_gguf_files() {
    for (name, ending) in MODELS.into_iter().flat_map(|m| [(m, ""), (m, ".gguf")]) {
        let expected = tensors(&format!("{name}_lora_expected.safetensors"));
        let folder = fixture(&format!("{name}_lora"));
        let (model, adapter) = adapted(&format!("{name}{ending}"), &folder);
        let mut parameters = adapter.tensors();
        for (_, tensor) in &mut parameters {
            let _ = tensor.requires_grad_(true);
        }
        let found = differentiable::log_likelihoods(&model, &queries(), 1024).unwrap();
        let off = worst(&found, &expected["log_probs"]);
        assert!(off < 1e-4, "{name}{ending}: log-likelihoods {off} off");
        let plain = differentiable::log_likelihoods(&tiny(name), &queries(), 1024).unwrap();
        assert!(worst(&found, &plain) > 0.1, "the adapter does something");

        (found * &expected["weights"]).sum(DType::Float).backward();
        for (name, parameter) in &parameters {
            let wanted = &expected[&format!("gradient.{name}")];
            let off = worst(&parameter.grad(), wanted);
            let size = wanted.abs().max().double_value(&[]);
            assert!(size > 1e-3, "{name}: the fixture's gradient is nothing");
            assert!(off < 1e-4 * size.max(1.0), "{name}: gradient {off} off");
        }
        assert_eq!(parameters.len(), expected.len() - 2);
    }
}

#[test]
fn answers_and_differentiable_likelihoods_are_the_same_numbers() {
    let (model, _) = adapted("tiny_llama", &fixture("tiny_llama_lora"));
    for batch_tokens in [6, 1024] {
        let answers = tch::no_grad(|| likelihoods(&model, &queries(), batch_tokens)).unwrap();
        let found = differentiable::log_likelihoods(&model, &queries(), batch_tokens).unwrap();
        let answers = Tensor::from_slice(&answers.concat()).to_kind(DType::Float);
        assert!(worst(&found.detach(), &answers) < 1e-5);
    }
}

/// Makes B something, as training does.
fn train(parameters: &[(String, Tensor)]) {
    tch::no_grad(|| {
        for (_, tensor) in parameters.iter().filter(|(n, _)| n.contains("lora_B")) {
            let _ = tensor.shallow_clone().fill_(0.3);
        }
    });
}

#[test]
fn a_new_adapter_changes_nothing_until_it_is_trained() {
    let plain = local(|_| {}).unwrap();
    let mut llm = local(|_| {}).unwrap();
    let before = llm.answer(&[request()]).unwrap();
    let parameters = llm.adapt(&lora()).unwrap();
    assert_eq!(parameters.len(), 2 * 2 * 2);
    assert_eq!(llm.answer(&[request()]).unwrap(), before);
    let given = llm.log_likelihoods(&[request(), request()]).unwrap();
    let Answer::Likelihood { log_probs, tokens } = &before[0] else {
        panic!("likelihoods")
    };
    assert_eq!(given.tokens, tokens.repeat(2));
    let twice = Tensor::from_slice(&log_probs.repeat(2)).to_kind(DType::Float);
    assert!(worst(&given.log_probs.detach(), &twice) < 1e-5);
    let untrained = llm.info().unwrap().fingerprint;
    assert_ne!(untrained, plain.info().unwrap().fingerprint);
    train(&parameters);
    assert_ne!(llm.answer(&[request()]).unwrap(), before);
    assert_ne!(llm.info().unwrap().fingerprint, untrained);
    let error = llm.adapt(&lora()).unwrap_err().to_string();
    assert!(error.contains("has an adapter already"), "{error}");
}

#[test]
fn first_values_follow_from_the_seed() {
    let values = |seed| {
        let mut llm = local(|_| {}).unwrap();
        let mut settings = lora();
        settings.seed = seed;
        llm.adapt(&settings).unwrap()
    };
    let (first, again, other) = (values(1), values(1), values(2));
    assert!(first.iter().zip(&again).all(|(a, b)| a.1.equal(&b.1)));
    for ((name, a), (_, b)) in first.iter().zip(&other) {
        assert_eq!(a.equal(b), name.contains("lora_B"), "{name}");
        if name.contains("lora_A") {
            let bound = 1.0 / (a.size()[1] as f64).sqrt();
            let largest = a.abs().max().double_value(&[]);
            assert!(largest <= bound && largest > 0.8 * bound, "{largest}");
        }
    }
    assert!(!first[0].1.equal(&first[2].1), "layers differ");
}

#[test]
fn saved_and_loaded_it_answers_the_same() {
    let mut trained = local(|_| {}).unwrap();
    train(&trained.adapt(&lora()).unwrap());
    let answer = trained.answer(&[request()]).unwrap();
    let state = Component::save(&trained).unwrap();
    let mut loaded = local(|_| {}).unwrap();
    let plain = loaded.answer(&[request()]).unwrap();
    Component::load(&mut loaded, &state).unwrap();
    assert_eq!(loaded.answer(&[request()]).unwrap(), answer);
    assert_eq!(loaded.info().unwrap(), trained.info().unwrap());
    Component::load(&mut loaded, &State::default()).unwrap();
    assert_eq!(loaded.answer(&[request()]).unwrap(), plain);

    let folder = tempfile::tempdir().unwrap();
    write(&state, folder.path());
    let by_folder = |model: &str| {
        local(|s| {
            s.model = fixture(model).display().to_string();
            s.adapter = Some(folder.path().display().to_string());
        })
        .unwrap()
    };
    let opened = by_folder("tiny_llama");
    assert_eq!(opened.answer(&[request()]).unwrap(), answer);
    assert_eq!(opened.info().unwrap(), trained.info().unwrap());
    // The tokenizer of the file begins with a token of its own, so the numbers differ; but it opens.
    by_folder("tiny_llama.gguf").answer(&[request()]).unwrap();
}

#[test]
fn ours_have_the_layout_that_peft_writes() {
    let config: Value = serde_json::from_slice(
        &std::fs::read(fixture("tiny_llama_lora/adapter_config.json")).unwrap(),
    )
    .unwrap();
    let targets = ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"];
    let mut llm = local(|_| {}).unwrap();
    let settings = LoraSettings {
        targets: targets.map(str::to_owned).to_vec(),
        rank: 3,
        alpha: 8.0,
        seed: 0,
    };
    llm.adapt(&settings).unwrap();
    let state = Component::save(&llm).unwrap();
    let shapes = |tensors: &[(String, Tensor)]| -> BTreeSet<(String, Vec<i64>)> {
        tensors.iter().map(|(n, t)| (n.clone(), t.size())).collect()
    };
    let theirs = fixture("tiny_llama_lora/adapter_model.safetensors");
    let theirs = Tensor::read_safetensors(theirs).unwrap();
    assert_eq!(shapes(&state.tensors), shapes(&theirs));
    for (key, value) in state.json.as_object().unwrap() {
        let wanted = &config[key];
        match key.as_str() {
            "target_modules" => {
                let names =
                    |v: &Value| -> BTreeSet<String> { serde_json::from_value(v.clone()).unwrap() };
                assert_eq!(names(value), names(wanted));
            }
            _ => assert_eq!(value, wanted, "{key}"),
        }
    }
}

#[test]
fn peft_opens_ours() {
    let Some(python) = python(&["torch", "transformers", "peft"]) else {
        return;
    };
    let mut llm = local(|_| {}).unwrap();
    train(&llm.adapt(&lora()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    write(&Component::save(&llm).unwrap(), folder.path());
    let Request { prompt, ask } = request();
    let (Prompt::Text(prompt), Ask::Likelihood { continuations }) = (prompt, ask) else {
        panic!("likelihoods after a text")
    };
    let output = Command::new(&python)
        .arg(fixture("check_lora.py"))
        .args([fixture("tiny_llama").as_path(), folder.path()])
        .arg(prompt)
        .args(continuations)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs: Vec<f64> = printed.lines().map(|l| l.parse().unwrap()).collect();
    let Answer::Likelihood { log_probs, .. } = llm.answer(&[request()]).unwrap().remove(0) else {
        panic!("likelihoods")
    };
    assert_eq!(theirs.len(), log_probs.len());
    for (ours, theirs) in log_probs.iter().zip(theirs) {
        assert!((ours - theirs).abs() < 1e-4, "{ours} {theirs}");
    }
}

#[test]
fn it_works_in_bf16() {
    let make = |adapter: bool, dtype| {
        let llm = local(|s| {
            s.dtype = dtype;
            s.adapter = adapter.then(|| fixture("tiny_llama_lora").display().to_string());
        });
        let Answer::Likelihood { log_probs, .. } =
            llm.unwrap().answer(&[request()]).unwrap().remove(0)
        else {
            panic!("likelihoods")
        };
        log_probs
    };
    let (exact, short) = (make(true, Precision::F32), make(true, Precision::Bf16));
    let plain = make(false, Precision::F32);
    for ((exact, short), plain) in exact.iter().zip(&short).zip(&plain) {
        assert!((exact - short).abs() < 0.5 * (exact - plain).abs().max(0.5));
    }
}
