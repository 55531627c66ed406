//! The component `openai` beside `local` on the same GGUF file, served by llama-cpp-python. Not part of a plain test run:
//!
//! ```sh
//! pip install "llama-cpp-python[server]"
//! LAPIDARY_LLAMA_CPP_PYTHON=python3 cargo test --workspace --test openai_server -- --ignored --nocapture
//! ```
//!
//! `LAPIDARY_GGUF` names another file than the default model. With weights of 32 bits both agree within 0.005 a token, the
//! rest being keys and values of 16 bits. The default model llama.cpp multiplies in 8 bits; on processors with AMX it crashes
//! there (ggml-org/llama.cpp#20824).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapidary_core::guidance::attributes;
use lapidary_llm_local::local::{Local, Settings as LocalSettings};
use lapidary_llm_openai::settings::{Likelihoods, Structured};
use lapidary_llm_openai::{OpenAi, Settings};
use lapidary_prompts::{ScoreDigits, ScoreJson, ScorePhrases};
use lapidary_sdk::prelude::*;

/// Half a minute of loading is long for the files this is run on; ten minutes end the wait.
const GLANCES: usize = 3000;
/// Enough for the digits. In a longer list halves of characters come up, which this server writes like the space before
/// them, so that the space itself is lost.
const LIKELIEST: u32 = 20;
/// All tokens of the default model's vocabulary, so that every phrase can be walked.
const VOCABULARY: u32 = 49_152;
const FILMS: [(&str, &str); 3] = [
    ("Gremlins", "1984"),
    ("Pride & Prejudice", "2005"),
    ("The Blues Brothers", "1980"),
];

struct Served {
    child: Child,
    url: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(gguf: &Path) -> Option<Served> {
    let python = std::env::var_os("LAPIDARY_LLAMA_CPP_PYTHON").unwrap_or("python3".into());
    let check = Command::new(&python)
        .args(["-c", "import llama_cpp.server.app"])
        .stderr(Stdio::null())
        .status();
    if !check.is_ok_and(|status| status.success()) {
        println!(
            "skipped: {} has no llama_cpp.server; pip install \"llama-cpp-python[server]\", or name another Python in \
             LAPIDARY_LLAMA_CPP_PYTHON",
            python.display()
        );
        return None;
    }
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new(&python)
        .args([
            "-m",
            "llama_cpp.server",
            "--host",
            "127.0.0.1",
            "--n_ctx",
            "1024",
        ])
        .args(["--port", &port.to_string(), "--model"])
        .arg(gguf)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}/v1");
    let mut served = Served { child, url };
    for _ in 0..GLANCES {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(served);
        }
        let ended = served.child.try_wait().unwrap();
        assert!(ended.is_none(), "the server ended: {ended:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("the server does not listen");
}

fn context() -> LlmContext {
    LlmContext {
        device: "cpu".to_owned(),
        model_dirs: Vec::new(),
    }
}

fn remote(served: &Served, change: impl Fn(&mut Settings)) -> OpenAi {
    let mut settings = Settings {
        base_url: served.url.clone(),
        model: "served".to_owned(),
        likelihoods: Likelihoods::NextToken,
        top_logprobs: VOCABULARY,
        structured: Structured::JsonObject,
        concurrency: 2,
        timeout_s: 600,
        ..Settings::default()
    };
    change(&mut settings);
    OpenAi::create(settings, context()).unwrap()
}

fn gguf() -> Option<PathBuf> {
    let default =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/models/SmolLM2-135M-Instruct.Q4_1.gguf");
    let gguf = std::env::var_os("LAPIDARY_GGUF").map_or(default, PathBuf::from);
    if !gguf.is_file() {
        println!("skipped: there is no {}", gguf.display());
        return None;
    }
    Some(gguf)
}

fn strategies() -> (ScorePhrases, ScoreDigits, ScoreJson) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/attributes/movies.toml");
    let attributes = attributes::load(&file).unwrap();
    let context = || PromptStrategyContext {
        attributes: attributes.clone(),
    };
    let json = serde_json::from_value(serde_json::json!({ "schema": true })).unwrap();
    (
        ScorePhrases::create(Default::default(), context()).unwrap(),
        ScoreDigits::create(Default::default(), context()).unwrap(),
        ScoreJson::create(json, context()).unwrap(),
    )
}

fn films() -> Vec<Subject> {
    let film = |(title, year): &(&str, &str)| {
        Subject::Item(ItemText {
            title: (*title).to_owned(),
            year: (*year).to_owned(),
            ..ItemText::default()
        })
    };
    FILMS.iter().map(film).collect()
}

/// Answers of both models to a strategy's questions: the largest difference of two log-probabilities a token, and all
/// scores.
fn compare(strategy: &dyn PromptStrategy, here: &Local, there: &OpenAi) -> (f64, [Tensor; 2]) {
    let films = films();
    let requests: Vec<_> = films
        .iter()
        .flat_map(|f| strategy.requests(f).unwrap())
        .collect();
    let answers = [
        here.answer(&requests).unwrap(),
        there.answer(&requests).unwrap(),
    ];
    let mut largest = 0f64;
    for (a, b) in answers[0].iter().zip(&answers[1]) {
        let (
            Answer::Likelihood {
                log_probs: a,
                tokens,
            },
            Answer::Likelihood {
                log_probs: b,
                tokens: others,
            },
        ) = (a, b)
        else {
            panic!("likelihoods")
        };
        assert_eq!(tokens, others, "both cut the continuations alike");
        for ((a, b), n) in a.iter().zip(b).zip(tokens) {
            largest = largest.max((a - b).abs() / f64::from(*n));
        }
    }
    let each = requests.len() / films.len();
    let scores = answers.map(|answers| {
        let rows = films.iter().zip(answers.chunks(each));
        let values: Vec<f32> = rows
            .flat_map(|(film, own)| strategy.read(film, own).unwrap().values)
            .map(Option::unwrap)
            .collect();
        let raw = Tensor::from_slice(&values).view([films.len() as i64, -1]);
        strategy.calibrate(&raw, &raw).unwrap()
    });
    (largest, scores)
}

fn apart([a, b]: &[Tensor; 2]) -> f64 {
    (a - b).abs().max().double_value(&[])
}

#[test]
#[ignore = "starts a server of llama-cpp-python, which set-up does not fetch"]
fn a_real_server_agrees_with_the_local_model() {
    let Some((gguf, served)) = gguf().and_then(|gguf| Some((gguf.clone(), serve(&gguf)?))) else {
        return;
    };
    let settings = LocalSettings {
        model: gguf.display().to_string(),
        ..LocalSettings::default()
    };
    let here = Local::create(settings, context()).unwrap();
    let there = remote(&served, |_| ());
    let (phrases, digits, json) = strategies();

    let (by_digits, scores) = compare(
        &digits,
        &here,
        &remote(&served, |s| s.top_logprobs = LIKELIEST),
    );
    println!(
        "score_digits: log-probabilities within {by_digits:.4} a token, scores within {:.4}",
        apart(&scores)
    );
    assert!(by_digits < 0.1 && apart(&scores) < 0.02);
    let (by_phrases, scores) = compare(&phrases, &here, &there);
    println!(
        "score_phrases: log-probabilities within {by_phrases:.4} a token, scores within {:.4}",
        apart(&scores)
    );
    assert!(by_phrases < 0.1 && apart(&scores) < 0.1);

    let request = phrases.requests(&films()[0]).unwrap();
    match remote(&served, |s| s.likelihoods = Likelihoods::Echo).answer(&request) {
        Ok(echoed) => {
            let (
                Answer::Likelihood { log_probs: a, .. },
                [Answer::Likelihood { log_probs: b, .. }],
            ) = (&here.answer(&request).unwrap()[0], echoed.as_slice())
            else {
                panic!("likelihoods")
            };
            let near = a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.2);
            assert!(near, "echo: {a:?} {b:?}");
        }
        Err(e) => {
            println!("echo: {e}");
            assert!(e.to_string().contains("shifted by one"), "{e}");
        }
    }

    let film = &films()[0];
    let answers = there.answer(&json.requests(film).unwrap()).unwrap();
    let Answer::Text(text) = &answers[0] else {
        panic!("text")
    };
    let reading = json.read(film, &answers).unwrap();
    println!("score_json: {text}\n  {:?}", reading.problems);
    assert!(text.trim_start().starts_with("{"), "{text}");
    assert!(reading.values.iter().any(Option::is_some), "{text}");
}
