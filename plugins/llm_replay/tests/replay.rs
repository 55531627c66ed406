//! Recordings are written, read and answered from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use lapidary_llm_replay::recording::write;
use lapidary_llm_replay::{Replay, Settings};
use lapidary_sdk::prelude::*;

fn likelihood(prompt: &str) -> (Request, Answer) {
    let continuations = vec![" 4".to_owned(), " 5".to_owned()];
    let request = Request {
        prompt: Prompt::Text(prompt.to_owned()),
        ask: Ask::Likelihood { continuations },
    };
    let log_probs = vec![-0.123_456_789_012_345_67, -f64::MIN_POSITIVE];
    (
        request,
        Answer::Likelihood {
            log_probs,
            tokens: vec![1, 2],
        },
    )
}

fn chat() -> (Request, Answer) {
    let message = Message {
        role: Role::User,
        content: "Grüße!\n\"Say\" hello.".to_owned(),
    };
    let prompt = Prompt::Chat {
        messages: vec![message],
        answer_start: String::new(),
    };
    let ask = Ask::Complete {
        max_tokens: 9,
        stop: vec!["\n".to_owned()],
        temperature: 0.7,
        seed: u64::MAX,
        schema: None,
    };
    (
        Request { prompt, ask },
        Answer::Text("Hello, \u{1F44B}".to_owned()),
    )
}

fn open(file: &Path) -> Result<Replay> {
    let context = LlmContext {
        device: "cpu".to_owned(),
        model_dirs: Vec::new(),
    };
    Replay::create(
        Settings {
            file: file.display().to_string(),
        },
        context,
    )
}

fn in_folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.jsonl");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn what_was_written_is_answered_bit_for_bit() {
    let (folder, path) = in_folder("an old file that is replaced");
    let pairs = [likelihood("2 + 2 ="), chat(), likelihood("2 + 2 =")];
    write(&path, pairs.iter().map(|(r, a)| (r, a))).unwrap();
    let llm = open(&path).unwrap();
    let requests = [chat().0, likelihood("2 + 2 =").0, chat().0];
    let expected = [chat().1, likelihood("2 + 2 =").1, chat().1];
    assert_eq!(llm.answer(&requests).unwrap(), expected);
    let info = llm.info().unwrap();
    assert_eq!(info, open(&path).unwrap().info().unwrap());
    write(&path, [(&chat().0, &chat().1)]).unwrap();
    assert_ne!(
        info.fingerprint,
        open(&path).unwrap().info().unwrap().fingerprint
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_documented_form_is_read_whatever_the_order_of_keys() {
    let line = r#"{"answer": {"text": "ok"}, "request": {"ask": {"complete": {"seed": 0, "temperature": 0, "stop": [], "max_tokens": 8}}, "prompt": {"text": "Say hello."}}}"#;
    let (_folder, path) = in_folder(&format!("\n{line}\n\n{line}\n"));
    let ask = Ask::Complete {
        max_tokens: 8,
        stop: Vec::new(),
        temperature: 0.0,
        seed: 0,
        schema: None,
    };
    let request = Request {
        prompt: Prompt::Text("Say hello.".to_owned()),
        ask,
    };
    assert_eq!(
        open(&path).unwrap().answer(&[request]).unwrap(),
        [Answer::Text("ok".to_owned())]
    );
}

#[test]
fn what_was_not_recorded_is_refused_by_its_first_80_characters() {
    let (_folder, path) = in_folder("");
    let llm = open(&path).unwrap();
    let long = "é".repeat(80) + "TAIL";
    let error = llm.answer(&[likelihood(&long).0]).unwrap_err().to_string();
    assert!(
        error.contains(&format!("`{}…`", "é".repeat(80))) && !error.contains("TAIL"),
        "{error}"
    );
    assert!(error.contains("recording.jsonl"), "{error}");
    let none = open(Path::new(""))
        .unwrap()
        .answer(&[chat().0])
        .unwrap_err()
        .to_string();
    assert!(none.contains("setting `file`"), "{none}");
}

#[test]
fn unusable_recordings_are_refused_with_the_line() {
    let pair = |answer: &str| {
        let request = serde_json::to_string(&likelihood("x").0).unwrap();
        format!("{{\"request\":{request},\"answer\":{answer}}}\n")
    };
    let good = pair(r#"{"likelihood":{"log_probs":[-1.0,-2.0],"tokens":[1,1]}}"#);
    let cases = [
        (good.clone() + "{\"request\": 3}", "jsonl:2"),
        (
            good.clone() + &pair(r#"{"likelihood":{"log_probs":[-1.0,-3.0],"tokens":[1,1]}}"#),
            "another answer already",
        ),
        (pair(r#"{"text":"four"}"#), "a text was answered"),
        (
            pair(r#"{"likelihood":{"log_probs":[-1.0],"tokens":[1,1]}}"#),
            "2 continuations, but [1, 2]",
        ),
        (good[..good.len() / 2].to_owned(), "jsonl:1"),
    ];
    for (text, expected) in cases {
        let (_folder, path) = in_folder(&text);
        let error = open(&path).unwrap_err().to_string();
        assert!(
            error.contains(expected),
            "expected `{expected}` in: {error}"
        );
    }
    let error = open(Path::new("/no/such/recording.jsonl"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("/no/such/recording.jsonl"), "{error}");
    let (request, _) = likelihood("x");
    let (_folder, path) = in_folder("kept");
    assert!(write(&path, [(&request, &Answer::Text(String::new()))]).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
}
