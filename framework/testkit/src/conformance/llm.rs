//! What every language model does.

mod optional;

use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{Answer, Ask, Llm, LlmContext, Prompt, Request};
use tch::Tensor;

use super::memory::leaks;
use super::process::{SEED, keeps_seed};
use super::round_trip::{STATE, round_trip};
use super::speed::speed;
use super::tensors::refused;
use super::{Case, Depth, Numbers, device};
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const fn rule(name: &'static str, fix: &'static str) -> Rule {
    Rule::new(name, Section::Llm, fix)
}

const CREATE: Rule = Rule::new(
    "create",
    Section::Create,
    "make an instance from the settings and `{\"device\": \"cpu\", \"model_dirs\": […]}`; settings without which there is no \
     model are given with --set",
);
const INFO: Rule = rule(
    "info",
    "a `model` and a `fingerprint` that are not empty, the same for the same model each time",
);
const VALUES: Rule = rule(
    "values",
    "an answer a request in their order: natural logarithms, finite and not above 0, one a continuation; or a text",
);
const DETERMINISM: Rule = rule(
    "determinism",
    "answer equal requests alike, at temperature 0 and for likelihoods",
);
const ALONE: Rule = rule(
    "each request alone",
    "what stands beside a request in a batch changes no answer: mask padding, and keep positions apart",
);
const REFUSALS: Rule = rule(
    "refusals",
    "return status 1 with a reason for a prompt that is longer than the context",
);

/// The requests of the checks: likelihoods, and a short text. A recording that answers them passes.
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

/// Runs the checks of language models.
pub(super) fn checks(suite: &mut Suite<'_>, registry: &Registry, case: &Case, depth: Depth) {
    let make_on = |device: &str| -> Checked<Box<dyn Llm>> {
        let context = LlmContext {
            device: device.to_owned(),
            model_dirs: case.model_dirs.clone(),
        };
        Ok(registry.llm(&case.name, &case.settings, &context)?)
    };
    let make = || make_on("cpu");
    let Some(model) = suite.check(CREATE, |_| make()) else {
        return;
    };
    suite.check(INFO, |_| info(&*model, &make));
    let answers = suite.check(VALUES, |numbers| {
        let answers = answer(&*model, &llm_requests())?;
        values(&answers, numbers)?;
        Ok(answers)
    });
    let Some(answers) = answers else { return };
    suite.check(DETERMINISM, |_| {
        let again = answer(&*model, &llm_requests())?;
        holds(answers == again, || {
            format!("equal requests have equal answers, but here {answers:?} and {again:?}")
        })
    });
    suite.check(ALONE, |_| {
        for (request, together) in llm_requests().into_iter().zip(&answers) {
            close(together, &answer(&*model, &[request])?)?;
        }
        let none = answer(&*model, &[])?;
        holds(none.is_empty(), || {
            format!("no request has no answer, but here {none:?}")
        })
    });
    suite.check(SEED, |_| {
        keeps_seed("answer", || answer(&*model, &llm_requests()).map(drop))
    });
    suite.check(STATE, |_| round_trip(&*model, &mut *make()?));
    suite.check(REFUSALS, |_| {
        let long = Request {
            prompt: Prompt::Text("word ".repeat(200_000)),
            ask: llm_requests().remove(0).ask,
        };
        refused("a prompt beyond every context", model.answer(&[long]))
    });
    optional::checks(suite, registry, case, &*model, &make, &answers);
    if depth == Depth::All {
        device::moves(suite, Section::Llm, || {
            let there = answer(&*make_on(device::GPU)?, &llm_requests())?;
            close(&answers[0], &there)
        });
        measured(suite, &*model);
    }
}

fn info(model: &dyn Llm, make: &dyn Fn() -> Checked<Box<dyn Llm>>) -> Checked {
    let tell = |model: &dyn Llm| {
        model
            .info()
            .map_err(Fault::at("it does not say what it is"))
    };
    let info = tell(model)?;
    holds(
        !info.model.is_empty() && !info.fingerprint.is_empty(),
        || format!("name or fingerprint is missing: {info:?}"),
    )?;
    let again = tell(&*make()?)?;
    holds(info == again, || {
        format!("the same model says the same of itself, but here {info:?} and {again:?}")
    })
}

fn answer(model: &dyn Llm, requests: &[Request]) -> Checked<Vec<Answer>> {
    model
        .answer(requests)
        .map_err(Fault::at("it does not answer"))
}

fn values(answers: &[Answer], numbers: &mut Numbers) -> Checked {
    for answer in answers {
        match answer {
            Answer::Likelihood { log_probs, .. } => {
                let fine = log_probs.iter().all(|p| p.is_finite() && *p <= 0.0);
                holds(fine, || {
                    format!("log-probabilities are finite and not above 0, but here {log_probs:?}")
                })?;
                numbers.add("log-probabilities", &Tensor::f_from_slice(log_probs)?)?;
            }
            Answer::Text(text) => numbers.add_text("completion", text),
        }
    }
    Ok(())
}

/// Holds that an answer is the first of others, up to rounding.
fn close(together: &Answer, others: &[Answer]) -> Checked {
    let apart = others.first();
    let same = match (together, apart) {
        (
            Answer::Likelihood { log_probs: a, .. },
            Some(Answer::Likelihood { log_probs: b, .. }),
        ) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-2),
        (a, b) => Some(a) == b,
    };
    holds(same, || format!("expected {together:?}, found {apart:?}"))
}

fn measured(suite: &mut Suite<'_>, model: &dyn Llm) {
    let requests = llm_requests();
    leaks(
        suite,
        &mut [("`answer`", &mut || answer(model, &requests).map(drop))],
    );
    let both = "answer of two likelihoods and four words".to_owned();
    speed(
        suite,
        &mut [(both, &mut || answer(model, &requests).map(drop))],
    );
}
