//! What language models may offer beyond answers: training and states.

use lapidary_core::plugin::Registry;
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::llm::method;
use lapidary_sdk::kinds::{Answer, EmbedSettings, Llm, LoraSettings, Pooling};
use tch::{Kind as DType, Tensor};

use super::{llm_requests, rule};
use crate::conformance::process::keeps_seed;
use crate::conformance::tensors::{refused, shaped, within};
use crate::conformance::{Case, Numbers, gradients};
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const LIKELIHOODS: Rule = rule(
    "log_likelihoods",
    "give the numbers of `answer` as a tensor, in the order of the requests and of each one's continuations; refuse written \
     answers and targets that are no linear map",
);
const EMBED: Rule = rule(
    "embed",
    "a vector a text that hangs on that text alone; of a long one the first `max_tokens` tokens are read",
);

pub(super) fn checks(
    suite: &mut Suite<'_>,
    registry: &Registry,
    case: &Case,
    model: &dyn Llm,
    make: &dyn Fn() -> Checked<Box<dyn Llm>>,
    answers: &[Answer],
) {
    let entry = registry.entry(Kind::Llm, &case.name);
    let offers = |number| entry.as_ref().is_ok_and(|e| e.description.offers(number));
    if offers(method::LOG_LIKELIHOODS) {
        suite.check(LIKELIHOODS, |_| likelihoods(&mut *make()?, answers));
        suite.check(gradients::rule(Section::Llm), |_| trained(&mut *make()?));
    }
    if offers(method::EMBED) {
        suite.check(EMBED, |numbers| embeds(model, numbers));
    }
}

/// What can be trained says the same with gradients as without.
fn likelihoods(model: &mut dyn Llm, answers: &[Answer]) -> Checked {
    let requests = llm_requests();
    let (asked, written) = requests.split_at(1);
    let twice = [asked, asked].concat();
    let given = model
        .log_likelihoods(&twice)
        .map_err(Fault::at("it does not give likelihoods as a tensor"))?;
    let Some(Answer::Likelihood { log_probs, tokens }) = answers.first() else {
        return Err(Fault::new("likelihoods were asked for, but not given"));
    };
    let expected = Tensor::f_from_slice(&log_probs.repeat(2))?.f_to_kind(DType::Float)?;
    let found = given.log_probs.f_detach()?.f_to_device(tch::Device::Cpu)?;
    let what = "the numbers with gradients are those without";
    within(&found, &expected, [1e-4, 1e-2], what)?;
    holds(given.tokens == tokens.repeat(2), || {
        format!(
            "expected the numbers of tokens {tokens:?} twice, found {:?}",
            given.tokens
        )
    })?;
    refused(
        "a gradient of a written answer",
        model.log_likelihoods(written),
    )?;
    refused(
        "a target that is no linear map",
        model.adapt(&lora("no such map")),
    )
}

fn lora(target: &str) -> LoraSettings {
    LoraSettings {
        targets: vec![target.to_owned()],
        rank: 2,
        alpha: 2.0,
        seed: 0,
    }
}

/// Names that models commonly give to a linear map of attention.
const MAPS: [&str; 4] = ["v_proj", "value", "c_attn", "query_key_value"];

/// Gradients reach the adapter, and are right. Where no map has a common name there is nothing to look at.
fn trained(model: &mut dyn Llm) -> Checked {
    let mut adapted = None;
    for target in MAPS {
        adapted = adapted.or_else(|| model.adapt(&lora(target)).ok());
    }
    let Some(parameters) = adapted else {
        return Ok(());
    };
    // At first B is zero, and so are the slopes along A.
    tch::no_grad(|| -> Checked {
        for (_, parameter) in &parameters {
            let _ = parameter.shallow_clone().f_add_scalar_(0.05)?;
        }
        Ok(())
    })?;
    let requests = llm_requests();
    gradients::agree(&parameters, || {
        let given = model.log_likelihoods(requests.get(..1).unwrap_or_default())?;
        gradients::weighed(&given.log_probs)
    })
}

/// A text's vector is its own, whatever stands beside it, and a long text is cut.
fn embeds(model: &dyn Llm, numbers: &mut Numbers) -> Checked {
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
            let states = model.embed(texts, &settings);
            states.map_err(Fault::at("it does not embed texts"))
        };
        let all = embed(&texts)?;
        for (row, text) in (0..).zip(&texts) {
            let alone = embed(std::slice::from_ref(text))?.f_get(0)?;
            let what = format!("the vector of text {row} is the same whatever stands beside it");
            within(&alone, &all.f_get(row)?, [1e-3, 1e-3], &what)?;
        }
        let same = all
            .f_get(0)?
            .f_allclose(&all.f_get(3)?, 1e-3, 1e-3, false)?;
        holds(!same, || "different texts have one vector".to_owned())?;
        let width = all.size().get(1).copied().unwrap_or_default();
        shaped(&embed(&[])?, &[0, width], "the vectors of no text")?;
        numbers.add("states", &all)?;
    }
    keeps_seed("embed", || {
        Ok(model.embed(&texts, &EmbedSettings::default()).map(drop)?)
    })?;
    let beyond = EmbedSettings {
        layer: Some(100_000),
        ..EmbedSettings::default()
    };
    refused("a layer beyond the last", model.embed(&texts, &beyond))
}
