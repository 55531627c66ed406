//! What tests of adapters share.

use std::path::Path;

use lapidary_llm_local::local::{Local, Settings};
use lapidary_sdk::prelude::*;

use super::fixture;

pub fn context() -> LlmContext {
    LlmContext {
        device: "cpu".to_owned(),
        model_dirs: Vec::new(),
    }
}

pub fn local(change: impl Fn(&mut Settings)) -> Result<Local> {
    let mut settings = Settings {
        model: fixture("tiny_llama").display().to_string(),
        ..Settings::default()
    };
    change(&mut settings);
    Local::create(settings, context())
}

pub fn request() -> Request {
    Request {
        prompt: Prompt::Text("The movie is best known for its".to_owned()),
        ask: Ask::Likelihood {
            continuations: vec![" humor".to_owned(), " violence and".to_owned()],
        },
    }
}

pub fn lora() -> LoraSettings {
    LoraSettings {
        targets: vec!["q_proj".to_owned(), "self_attn.v_proj".to_owned()],
        rank: 2,
        alpha: 6.0,
        seed: 5,
    }
}

/// Writes the state of a model as a folder.
pub fn write(state: &State, folder: &Path) {
    let tensors: Vec<_> = state.tensors.iter().map(|(n, t)| (n, t.detach())).collect();
    Tensor::write_safetensors(&tensors, folder.join("adapter_model.safetensors")).unwrap();
    std::fs::write(folder.join("adapter_config.json"), state.json.to_string()).unwrap();
}
