//! What every prompt strategy does.

mod optional;
mod subjects;

use lapidary_core::plugin::Registry;
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::prompt_strategy::method;
use lapidary_sdk::kinds::{
    Answer, Ask, Prompt, PromptStrategy, PromptStrategyContext, Reading, Request, Subject,
};
use tch::{Device, Tensor};

use self::subjects::{attributes, invented, subjects};
use super::memory::leaks;
use super::round_trip::{STATE, round_trip};
use super::speed::speed;
use super::tensors::{FLOATS, near, refused, shaped};
use super::{Case, Depth, Numbers, device};
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const fn rule(name: &'static str, fix: &'static str) -> Rule {
    Rule::new(name, Section::PromptStrategy, fix)
}

const CREATE: Rule = Rule::new(
    "create",
    Section::Create,
    "make an instance from the defaults and a context with `attributes`; where settings are needed, give them with --set",
);
const REQUESTS: Rule = rule(
    "requests",
    "ask at least once about every subject, an item as well as a user, and name the titles in each prompt; equal subjects have \
     equal requests",
);
const READINGS: Rule = rule(
    "readings",
    "`read` gives as many values for every subject, null where an answer says nothing and then why, in `problems`; equal \
     answers have equal readings",
);
const SHAPES: Rule = rule(
    "shapes",
    "`calibrate` gives `scores` f32 [N,m], a column an attribute",
);
const ROW: Rule = rule(
    "each row alone",
    "a score hangs on its row of `raw` and on `reference`: take means and deviations from `reference` alone",
);
const MISSING: Rule = rule(
    "missing values",
    "NaN in `raw` stays NaN in `scores`: what was not read has no score",
);
const REFUSALS: Rule = rule(
    "refusals",
    "return status 1 with a reason for fewer answers than requests, and for measurements of another width",
);

/// Runs the checks of prompt strategies.
pub(super) fn checks(suite: &mut Suite<'_>, registry: &Registry, case: &Case, depth: Depth) {
    let make = || -> Checked<Box<dyn PromptStrategy>> {
        let attributes = attributes();
        let context = PromptStrategyContext { attributes };
        Ok(registry.prompt_strategy(&case.name, &case.settings, &context)?)
    };
    let Some(strategy) = suite.check(CREATE, |_| make()) else {
        return;
    };
    let asked = suite.check(REQUESTS, |numbers| ask(&*strategy, &*make()?, numbers));
    let Some(asked) = asked else { return };
    let readings = suite.check(READINGS, |_| readings(&*strategy, &*make()?, &asked));
    let Some(readings) = readings else { return };
    let raw = suite.check(SHAPES, |numbers| {
        let raw = raw(&readings)?;
        let scores = calibrate(&*strategy, &raw, &raw)?;
        shaped(&scores, &[raw.size2()?.0, width()], "`scores`")?;
        numbers.add("raw", &raw)?;
        numbers.add("scores", &scores)?;
        Ok((raw, scores))
    });
    let Some((raw, scores)) = raw else { return };
    suite.check(ROW, |_| {
        let part = calibrate(&*strategy, &raw.f_narrow(0, 1, 2)?, &raw)?;
        let what = "a score depends on the row and the reference alone";
        near(&part, &scores.f_narrow(0, 1, 2)?, what)
    });
    suite.check(MISSING, |_| {
        let lost = calibrate(&*strategy, &raw.f_full_like(f64::NAN)?, &raw)?;
        let all = bool::try_from(lost.f_isnan()?.f_all()?)?;
        holds(all, || "what was not read got a score".to_owned())
    });
    suite.check(STATE, |_| {
        let mut other = make()?;
        round_trip(&*strategy, &mut *other)?;
        let loaded = calibrate(&*other, &raw, &raw)?;
        near(&scores, &loaded, "a loaded state scores alike")
    });
    suite.check(REFUSALS, |_| refusals(&*strategy, &asked, &raw));
    let entry = registry.entry(Kind::PromptStrategy, &case.name);
    let offers = |number| entry.as_ref().is_ok_and(|e| e.description.offers(number));
    if offers(method::MEASURE) {
        optional::measure(suite, &*strategy, &asked, &readings);
    }
    if offers(method::OWN_TEXT) {
        optional::own_text(suite, &*strategy, &asked);
    }
    if depth == Depth::All {
        device::moves(suite, Section::PromptStrategy, || {
            let there = raw.f_to_device(Device::Cuda(0))?;
            let moved = calibrate(&*strategy, &there, &there)?.f_to_device(Device::Cpu)?;
            near(&scores, &moved, "the GPU scores as the CPU does")
        });
        measured(suite, &*strategy, &make, &asked, &raw);
    }
}

/// A subject, what is asked about it, and answers of that form.
struct Asked {
    subject: Subject,
    requests: Vec<Request>,
    answers: Vec<Answer>,
}

fn ask(
    strategy: &dyn PromptStrategy,
    other: &dyn PromptStrategy,
    numbers: &mut Numbers,
) -> Checked<Vec<Asked>> {
    let mut all = Vec::new();
    for (salt, subject) in (0..).zip(subjects()) {
        let requests = requests(strategy, &subject)?;
        holds(!requests.is_empty(), || {
            format!("nothing is asked about {subject:?}")
        })?;
        holds(requests == self::requests(other, &subject)?, || {
            format!("equal subjects have equal requests, but not {subject:?}")
        })?;
        names_the_subject(&requests, &subject)?;
        numbers.add_text("requests", serde_json::json!(requests).to_string());
        let answers = requests.iter().map(|r| invented(r, salt)).collect();
        all.push(Asked {
            subject,
            requests,
            answers,
        });
    }
    Ok(all)
}

fn requests(strategy: &dyn PromptStrategy, subject: &Subject) -> Checked<Vec<Request>> {
    strategy
        .requests(subject)
        .map_err(Fault::at("it does not ask"))
}

fn read(strategy: &dyn PromptStrategy, subject: &Subject, answers: &[Answer]) -> Checked<Reading> {
    strategy
        .read(subject, answers)
        .map_err(Fault::at("it does not read answers"))
}

fn names_the_subject(requests: &[Request], subject: &Subject) -> Checked {
    let items = match subject {
        Subject::Item(item) => std::slice::from_ref(item),
        Subject::User(items) => items,
    };
    for request in requests {
        let text = match &request.prompt {
            Prompt::Text(text) => text.clone(),
            Prompt::Chat { messages, .. } => messages.iter().map(|m| m.content.as_str()).collect(),
        };
        for item in items {
            // A strategy may clean quotes and brackets out of a title, but no word.
            let mut words = item.title.split(|c: char| !c.is_alphanumeric());
            holds(words.all(|word| text.contains(word)), || {
                format!("a prompt does not name `{}`: {text}", item.title)
            })?;
        }
    }
    Ok(())
}

fn readings(
    strategy: &dyn PromptStrategy,
    other: &dyn PromptStrategy,
    asked: &[Asked],
) -> Checked<Vec<Reading>> {
    let mut all: Vec<Reading> = Vec::new();
    for Asked {
        subject,
        requests,
        answers,
    } in asked
    {
        let reading = read(strategy, subject, answers)?;
        holds(reading == read(other, subject, answers)?, || {
            format!("equal answers have equal readings, but not of {subject:?}")
        })?;
        let width = all.first().unwrap_or(&reading).values.len();
        holds(reading.values.len() == width, || {
            let found = reading.values.len();
            format!("every reading has the same width, but here {width} and {found}")
        })?;
        unreadable(strategy, subject, requests, width)?;
        all.push(reading);
    }
    Ok(all)
}

/// Text that says nothing is no error: the reading tells.
fn unreadable(
    strategy: &dyn PromptStrategy,
    subject: &Subject,
    requests: &[Request],
    width: usize,
) -> Checked {
    let is_text = |r: &Request| matches!(r.ask, Ask::Complete { .. });
    if !requests.iter().all(is_text) {
        return Ok(());
    }
    for text in ["", "I cannot say.", "{\"humour\": \"}\u{1F600}"] {
        let answers = vec![Answer::Text(text.to_owned()); requests.len()];
        let reading = read(strategy, subject, &answers)?;
        holds(reading.values.len() == width, || {
            let found = reading.values.len();
            format!("the reading of `{text}` has {found} values, not {width}")
        })?;
        let empty = reading.values.iter().all(Option::is_none);
        holds(!empty || !reading.problems.is_empty(), || {
            format!("`{text}` cannot be read, but `problems` is empty")
        })?;
    }
    Ok(())
}

fn width() -> i64 {
    attributes().attributes.len() as i64
}

/// The measurements `[N,r]`.
fn raw(readings: &[Reading]) -> Checked<Tensor> {
    let width = readings.first().map_or(0, |r| r.values.len());
    let values = readings.iter().flat_map(|r| &r.values);
    let values: Vec<f32> = values.map(|v| v.unwrap_or(f32::NAN)).collect();
    Ok(Tensor::f_from_slice(&values)?.f_reshape([readings.len() as i64, width as i64])?)
}

fn calibrate(strategy: &dyn PromptStrategy, raw: &Tensor, reference: &Tensor) -> Checked<Tensor> {
    strategy
        .calibrate(raw, reference)
        .map_err(Fault::at("it does not turn measurements into scores"))
}

fn refusals(strategy: &dyn PromptStrategy, asked: &[Asked], raw: &Tensor) -> Checked {
    for Asked { subject, .. } in asked {
        refused("fewer answers than requests", strategy.read(subject, &[]))?;
    }
    let wrong = Tensor::f_zeros([2, raw.size2()?.1 + 1], FLOATS)?;
    refused(
        "measurements of another width",
        strategy.calibrate(&wrong, &wrong),
    )
}

fn measured(
    suite: &mut Suite<'_>,
    strategy: &dyn PromptStrategy,
    make: &dyn Fn() -> Checked<Box<dyn PromptStrategy>>,
    asked: &[Asked],
    raw: &Tensor,
) {
    let subject = || -> Checked {
        for Asked {
            subject, answers, ..
        } in asked
        {
            requests(strategy, subject)?;
            read(strategy, subject, answers)?;
        }
        Ok(())
    };
    leaks(
        suite,
        &mut [
            ("`create` and `destroy`", &mut || make().map(drop)),
            ("`requests` and `read`", &mut || subject()),
            ("`calibrate`", &mut || {
                calibrate(strategy, raw, raw).map(drop)
            }),
        ],
    );
    let name = format!("requests and read of {} subjects", asked.len());
    speed(suite, &mut [(name, &mut || subject())]);
}
