//! What every language model does.

use lapidary_core::plugin::Registry;
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::llm::method;
use lapidary_sdk::kinds::{
    Answer, Ask, EmbedSettings, Llm, LlmContext, LoraSettings, Pooling, Prompt, Request,
};
use serde_json::Value;
use tch::Tensor;

use super::process::{keeps_seed, unchanged};
use super::round_trip::round_trip;
use super::{Numbers, assert_refused};

/// The suite's requests: likelihoods, and a short text. A recording that answers them passes the suite.
pub fn llm_requests() -> Vec<Request> {
    let prompt = || Prompt::Text("The film is best known for its".to_owned());
    vec![
        Request {
            prompt: prompt(),
            ask: Ask::Likelihood {
                continuations: vec![" story".to_owned(), " music".to_owned()],
            },
        },
        Request {
            prompt: prompt(),
            ask: Ask::Complete {
                max_tokens: 4,
                stop: Vec::new(),
                temperature: 0.0,
                seed: 0,
                schema: None,
            },
        },
    ]
}

/// Runs the suite of language models.
///
/// # Panics
/// When a check fails.
pub fn llm(registry: &Registry, name: &str, settings: &Value) -> Numbers {
    let make = || {
        let context = LlmContext {
            device: "cpu".into(),
            model_dirs: Vec::new(),
        };
        let made = registry.llm(name, settings, &context);
        made.unwrap_or_else(|e| panic!("it can be made: {e}"))
    };
    let model = make();
    let info =
        unchanged("info", || model.info()).unwrap_or_else(|e| panic!("it says what it is: {e}"));
    assert!(
        !info.model.is_empty() && !info.fingerprint.is_empty(),
        "it has a name and a fingerprint"
    );
    let mut other = make();
    assert_eq!(
        other.info().ok(),
        Some(info),
        "the same model says the same of itself"
    );

    let answers = answer(&*model, &llm_requests());
    assert_eq!(
        answers,
        answer(&*model, &llm_requests()),
        "equal requests, equal answers"
    );
    let one: Vec<Answer> = llm_requests()
        .into_iter()
        .flat_map(|r| answer(&*model, &[r]))
        .collect();
    close(&answers, &one);
    assert!(answer(&*model, &[]).is_empty(), "no request, no answer");
    keeps_seed("answer", || drop(answer(&*model, &llm_requests())));
    round_trip(&*model, &mut *other);
    let long = Request {
        prompt: Prompt::Text("word ".repeat(200_000)),
        ask: llm_requests().remove(0).ask,
    };
    assert_refused("a prompt beyond every context", model.answer(&[long]));
    let entry = registry.entry(Kind::Llm, name);
    if entry.is_ok_and(|e| e.description.offers(method::LOG_LIKELIHOODS)) {
        trainable(&mut *other, &answers);
    }

    let mut numbers = Numbers::default();
    let entry = registry.entry(Kind::Llm, name);
    if entry.is_ok_and(|e| e.description.offers(method::EMBED)) {
        embeds(&*model, &mut numbers);
    }
    for answer in &answers {
        match answer {
            Answer::Likelihood { log_probs, .. } => {
                assert!(
                    log_probs.iter().all(|p| p.is_finite() && *p <= 0.0),
                    "log-probabilities"
                );
                numbers.add("log-probabilities", &Tensor::from_slice(log_probs));
            }
            Answer::Text(text) => numbers.add_text("completion", text),
        }
    }
    numbers
}

/// What can be trained says the same with gradients as without.
fn trainable(model: &mut dyn Llm, answers: &[Answer]) {
    let [likelihoods, text] = &*llm_requests() else {
        unreachable!("the suite has two requests")
    };
    let twice = [likelihoods.clone(), likelihoods.clone()];
    let given = unchanged("log_likelihoods", || model.log_likelihoods(&twice));
    let given = given.unwrap_or_else(|e| panic!("it gives likelihoods as a tensor: {e}"));
    let Some(Answer::Likelihood { log_probs, tokens }) = answers.first() else {
        panic!("likelihoods were asked for")
    };
    let expected = Tensor::from_slice(&log_probs.repeat(2)).to_kind(tch::Kind::Float);
    let found = given.log_probs.detach().to_device(tch::Device::Cpu);
    assert!(
        found.allclose(&expected, 1e-4, 1e-2, false) && given.tokens == tokens.repeat(2),
        "the same numbers with gradients as without"
    );
    assert_refused(
        "a gradient of a written answer",
        model.log_likelihoods(std::slice::from_ref(text)),
    );
    let nonsense = LoraSettings {
        targets: vec!["no such map".to_owned()],
        rank: 2,
        alpha: 2.0,
        seed: 0,
    };
    assert_refused("a target that is no linear map", model.adapt(&nonsense));
}

fn answer(model: &dyn Llm, requests: &[Request]) -> Vec<Answer> {
    let answers = unchanged("answer", || model.answer(requests));
    answers.unwrap_or_else(|e| panic!("it answers: {e}"))
}

/// A text's vector is its own, whatever stands beside it, and a long text is cut.
fn embeds(model: &dyn Llm, numbers: &mut Numbers) {
    let long = "word ".repeat(20_000);
    let texts = [
        "A film",
        &long,
        "x",
        "The film is best known for its story.",
    ];
    let texts = texts.map(str::to_owned);
    for pooling in [Pooling::Mean, Pooling::Last] {
        let settings = EmbedSettings {
            pooling,
            max_tokens: 16,
            ..EmbedSettings::default()
        };
        let embed = |texts: &[String]| {
            let states = unchanged("embed", || model.embed(texts, &settings));
            states.unwrap_or_else(|e| panic!("it embeds texts: {e}"))
        };
        let all = embed(&texts);
        for (row, text) in (0..).zip(&texts) {
            let alone = embed(std::slice::from_ref(text)).get(0);
            let near = alone.allclose(&all.get(row), 1e-3, 1e-3, false);
            assert!(near, "a text's vector depends on its neighbours: {row}");
        }
        let same = all.get(0).allclose(&all.get(3), 1e-3, 1e-3, false);
        assert!(!same, "different texts have different vectors");
        assert_eq!(embed(&[]).size(), [0, all.size()[1]], "no text, no vector");
        numbers.add("states", &all);
    }
    keeps_seed("embed", || {
        drop(model.embed(&texts, &EmbedSettings::default()))
    });
    let beyond = EmbedSettings {
        layer: Some(100_000),
        ..EmbedSettings::default()
    };
    assert_refused("a layer beyond the last", model.embed(&texts, &beyond));
}

/// Answers do not depend on what else is asked beside them, up to rounding.
fn close(together: &[Answer], apart: &[Answer]) {
    for pair in together.iter().zip(apart) {
        match pair {
            (Answer::Likelihood { log_probs: a, .. }, Answer::Likelihood { log_probs: b, .. }) => {
                let near = a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-2);
                assert!(near, "{a:?} together, {b:?} apart");
            }
            (a, b) => assert_eq!(a, b, "an answer depends on its neighbours"),
        }
    }
}
