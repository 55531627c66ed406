//! The component as a host uses it.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{fixture, models_folder, smollm};
use lapidary_llm_local::local::{Local, Precision, Settings};
use lapidary_sdk::prelude::*;

fn context() -> LlmContext {
    LlmContext {
        device: "cpu".to_owned(),
        model_dirs: vec![models_folder().display().to_string()],
    }
}

fn tiny(change: impl Fn(&mut Settings)) -> Result<Local> {
    let mut settings = Settings {
        model: fixture("tiny_llama").display().to_string(),
        ..Settings::default()
    };
    change(&mut settings);
    Local::create(settings, context())
}

fn text(prompt: &str, ask: Ask) -> Request {
    Request {
        prompt: Prompt::Text(prompt.to_owned()),
        ask,
    }
}

fn likelihood(continuations: &[&str]) -> Ask {
    Ask::Likelihood {
        continuations: continuations.iter().map(|&c| c.to_owned()).collect(),
    }
}

fn complete(max_tokens: u32) -> Ask {
    Ask::Complete {
        max_tokens,
        stop: vec!["\n".to_owned()],
        temperature: 0.0,
        seed: 0,
        schema: None,
    }
}

fn values(answer: &Answer) -> (&[f64], &[u32]) {
    match answer {
        Answer::Likelihood { log_probs, tokens } => (log_probs, tokens),
        Answer::Text(text) => panic!("expected likelihoods, found `{text}`"),
    }
}

#[test]
fn likelihoods_that_are_not_finite_are_an_error_that_names_the_request() {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(fixture("tiny_llama")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    let weights = folder.path().join("model.safetensors");
    let mut tensors = Tensor::read_safetensors(&weights).unwrap();
    for (name, tensor) in &mut tensors {
        if name == "model.norm.weight" {
            *tensor = tensor.full_like(f64::NAN);
        }
    }
    Tensor::write_safetensors(&tensors, &weights).unwrap();
    let llm = tiny(|s| s.model = folder.path().display().to_string()).unwrap();
    let error = llm
        .answer(&[
            text("good", complete(1)),
            text("The film", likelihood(&[" is"])),
        ])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("request 2 of 2, `The film`: a likelihood is no finite number"),
        "{error}"
    );
}

#[test]
fn the_default_model_knows_what_it_was_taught() {
    let _present = smollm();
    let llm = Local::create(Settings::default(), context()).unwrap();
    let info = llm.info().unwrap();
    assert_eq!(info.model, "SmolLM2-135M-Instruct.Q4_1");
    assert_eq!(
        (info.context_length, info.parameters, info.chat),
        (8192, 134_515_008, true)
    );
    let question = vec![Message {
        role: Role::User,
        content: "What is the capital of France?".to_owned(),
    }];
    let chat = Prompt::Chat {
        messages: question,
        answer_start: "The capital".to_owned(),
    };
    let requests = [
        text(
            "The capital of France is",
            likelihood(&[" Paris", " London", " a purple elephant"]),
        ),
        Request {
            prompt: chat,
            ask: complete(12),
        },
        text(
            "The movie \"Alien\" is best known for its",
            likelihood(&[" horror", " love story"]),
        ),
    ];
    let answers = llm.answer(&requests).unwrap();
    let (log_probs, tokens) = values(&answers[0]);
    // The golden logits of this prompt: 17.371265 for ` Paris`, 13.244976 for ` London`, log-sum-exp 17.629347.
    assert!((log_probs[0] + 0.258_081).abs() < 1e-3, "{log_probs:?}");
    assert!((log_probs[1] + 4.384_371).abs() < 1e-3, "{log_probs:?}");
    assert!(log_probs[2] < log_probs[1]);
    assert_eq!((tokens[0], tokens[1]), (1, 1));
    assert!(
        matches!(&answers[1], Answer::Text(t) if t.contains("Paris")),
        "{:?}",
        answers[1]
    );
    let (log_probs, _) = values(&answers[2]);
    assert!(log_probs[0] > log_probs[1], "{log_probs:?}");
}

#[test]
fn continuations_have_the_tokens_of_the_joint_text() {
    let codec = smollm().codec().unwrap();
    let tokens = |prompt: &str, continuation: &str| {
        let prompt = codec.prompt(&Prompt::Text(prompt.to_owned())).unwrap();
        let ids = codec.prompt_tokens(&prompt).unwrap();
        codec
            .continuation_tokens(&prompt, &ids, continuation)
            .unwrap()
    };
    let paris = tokens("The capital of France is", " Paris");
    assert_eq!(paris, [7042]);
    assert_eq!(tokens("", " Paris"), [7042]);
    // `is` and `land` grow together to other tokens, so `land` keeps those it has by itself.
    assert_eq!(tokens("The is", "land"), tokens("A new ", "land"));
    let prompt = codec.prompt(&Prompt::Text("x".to_owned())).unwrap();
    let error = codec
        .continuation_tokens(&prompt, &[104], "")
        .unwrap_err()
        .to_string();
    assert!(error.contains("has no token"), "{error}");
}

#[test]
fn chats_and_texts_are_told_apart() {
    let llm = tiny(|_| {}).unwrap();
    // Special tokens in plain text are no special tokens.
    let rendered = "<|start|>user\nhello<|end|>\n<|start|>assistant\nIt is";
    let messages = vec![Message {
        role: Role::User,
        content: "hello".to_owned(),
    }];
    let chat = Prompt::Chat {
        messages,
        answer_start: "It is".to_owned(),
    };
    let ask = likelihood(&[" known", " best known"]);
    let answers = llm
        .answer(&[
            Request {
                prompt: chat,
                ask: ask.clone(),
            },
            text(rendered, ask),
        ])
        .unwrap();
    let (chat, plain) = (values(&answers[0]).0, values(&answers[1]).0);
    chat.iter()
        .zip(plain)
        .for_each(|(a, b)| assert!((a - b).abs() > 1e-3, "{a} {b}"));
    let without = Settings {
        model: fixture("tiny_qwen2").display().to_string(),
        ..Settings::default()
    };
    let without = Local::create(without, context()).unwrap();
    assert!(!without.info().unwrap().chat);
    let prompt = Prompt::Chat {
        messages: Vec::new(),
        answer_start: String::new(),
    };
    let error = without
        .answer(&[Request {
            prompt,
            ask: complete(1),
        }])
        .unwrap_err()
        .to_string();
    assert!(error.contains("no chat template"), "{error}");
}

#[test]
fn prompts_beyond_the_context_are_named_with_both_lengths() {
    let llm = tiny(|s| s.context_length = Some(20)).unwrap();
    assert_eq!(llm.info().unwrap().context_length, 20);
    let long = "movie ".repeat(40);
    let error = llm
        .answer(&[text("a", complete(1)), text(&long, complete(5))])
        .unwrap_err()
        .to_string();
    assert!(error.contains("request 2 of 2, `movie movie"), "{error}");
    assert!(error.contains("up to 5; the context holds 20"), "{error}");
    assert!(error.chars().count() < 250, "{error}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refused = |change: fn(&mut Settings)| tiny(change).unwrap_err().to_string();
    assert!(refused(|s| s.batch_tokens = 0).contains("batch_tokens"));
    assert!(refused(|s| s.context_length = Some(0)).contains("between 1 and 128"));
    assert!(refused(|s| s.context_length = Some(4096)).contains("between 1 and 128"));
    assert!(refused(|s| s.model = "no-such-model".to_owned()).contains("cargo xtask setup"));
    let unknown = serde_json::from_str::<Settings>(r#"{"modell": "x"}"#)
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("modell"), "{unknown}");
}

#[test]
fn the_fingerprint_follows_what_answers_depend_on() {
    let of = |change: fn(&mut Settings)| tiny(change).unwrap().info().unwrap().fingerprint;
    assert_eq!(of(|_| {}), of(|s| s.batch_tokens = 7));
    assert_ne!(of(|_| {}), of(|s| s.dtype = Precision::Bf16));
    assert_ne!(
        of(|_| {}),
        of(|s| s.model = fixture("tiny_qwen2").display().to_string())
    );
}
