//! What the tests share: fixtures, models, likelihoods the slow way.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod adapters;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lapidary_llm_local::cache::Past;
use lapidary_llm_local::files::ModelFiles;
use lapidary_llm_local::model::Llama;
use lapidary_llm_local::tree::{Batch, Before, Tree};
use tch::{Device, Kind, Tensor};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn models_folder() -> PathBuf {
    root().join(".deps/models")
}

/// The default model, which the set-up fetches.
pub fn smollm() -> ModelFiles {
    let path = models_folder().join("SmolLM2-135M-Instruct.Q4_1.gguf");
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask setup`",
        path.display()
    );
    ModelFiles::open(&path).unwrap()
}

pub fn tiny(name: &str) -> Llama {
    ModelFiles::open(&fixture(name))
        .unwrap()
        .model(Kind::Float, Device::Cpu)
        .unwrap()
}

pub fn tensors(name: &str) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(fixture(name))
        .unwrap()
        .into_iter()
        .collect()
}

pub fn ints(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor).unwrap()
}

/// Logits `[L,V]` of one sequence, by a forward pass of its own.
pub fn logits(model: &Llama, ids: &[i64]) -> Tensor {
    let tree = Tree::chain(ids);
    let batch = Batch::new(&[&tree], &Before::default(), model.kind(), model.device()).unwrap();
    tch::no_grad(|| {
        model
            .logits(&model.hidden(&batch, Past::Nothing).unwrap())
            .unwrap()
    })
}

/// Log-likelihood of `continuation` after `prefix`, from the logits of the whole sequence.
pub fn whole_sequence(model: &Llama, prefix: &[i64], continuation: &[i64]) -> f64 {
    let all = [prefix, continuation].concat();
    let log_probs = logits(model, &all).log_softmax(-1, Kind::Double);
    let start = prefix.len() - 1;
    (0..)
        .zip(continuation)
        .map(|(i, t)| log_probs.double_value(&[start as i64 + i, *t]))
        .sum()
}

pub fn worst(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// A copy of a model folder with some files changed.
pub fn changed(name: &str, change: impl Fn(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    change(folder.path());
    folder
}

pub fn replace(path: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(old), "{old}");
    std::fs::write(path, text.replace(old, new)).unwrap();
}
