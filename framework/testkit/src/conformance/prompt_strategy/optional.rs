//! What prompt strategies may offer for fine-tuning.

use lapidary_sdk::kinds::{Answer, Ask, Prompt, PromptStrategy, Reading, Request};
use tch::Tensor;

use super::{Asked, calibrate, rule};
use crate::conformance::gradients;
use crate::conformance::tensors::within;
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const MEASURE: Rule = rule(
    "measure",
    "`measure` gives for likelihoods what `read` gives for one subject, in tensor operations",
);
const OWN_TEXT: Rule = rule(
    "own_text",
    "ask by likelihoods for pieces of the very prompts of `requests`, each after what stands before it there",
);

/// Measuring is reading, with gradients that reach through the scores.
pub(super) fn measure(
    suite: &mut Suite<'_>,
    strategy: &dyn PromptStrategy,
    asked: &[Asked],
    readings: &[Reading],
) {
    suite.check(MEASURE, |_| {
        for (asked, reading) in asked.iter().zip(readings) {
            let (log_probs, tokens) = likelihoods(&asked.answers)?;
            let raw = measured(strategy, &log_probs, &tokens)?;
            let read: Vec<f32> = reading.values.iter().flatten().copied().collect();
            let read = Tensor::f_from_slice(&read)?
                .f_unsqueeze(0)?
                .f_repeat([2, 1])?;
            within(&raw, &read, [1e-5, 1e-6], "it measures what it reads")?;
        }
        Ok(())
    });
    suite.check(gradients::rule(Section::PromptStrategy), |_| {
        let Some(asked) = asked.first() else {
            return Ok(());
        };
        let (log_probs, tokens) = likelihoods(&asked.answers)?;
        let log_probs = log_probs.f_set_requires_grad(true)?;
        // What it is compared with stays as it is.
        let first = measured(strategy, &log_probs, &tokens)?.f_detach()?;
        let reference = Tensor::f_cat(&[&first.f_mul_scalar(0.5)?, &first], 0)?;
        let scores = || {
            let raw = measured(strategy, &log_probs, &tokens)?;
            calibrate(strategy, &raw, &reference)
        };
        gradients::attached(&scores()?, "`scores`")?;
        let leaves = [("log_probs".to_owned(), log_probs.shallow_clone())];
        gradients::agree(&leaves, || gradients::weighed(&scores()?))
    });
}

fn measured(strategy: &dyn PromptStrategy, log_probs: &Tensor, tokens: &Tensor) -> Checked<Tensor> {
    strategy
        .measure(log_probs, tokens)
        .map_err(Fault::at("it does not measure"))
}

/// The likelihoods of one subject as those of two, `[2,c]`, and their numbers of tokens.
fn likelihoods(answers: &[Answer]) -> Checked<(Tensor, Tensor)> {
    let (mut log_probs, mut tokens) = (Vec::new(), Vec::new());
    for answer in answers {
        let Answer::Likelihood {
            log_probs: values,
            tokens: counts,
        } = answer
        else {
            return Err(Fault::new("what measures asks for likelihoods alone"));
        };
        log_probs.extend(values.iter().map(|&v| v as f32));
        tokens.extend(counts.iter().map(|&n| i64::from(n)));
    }
    let twice = |row: Tensor| row.f_unsqueeze(0)?.f_repeat([2, 1]);
    Ok((
        twice(Tensor::f_from_slice(&log_probs)?)?,
        twice(Tensor::f_from_slice(&tokens)?)?,
    ))
}

/// Its own text is part of what it asks.
pub(super) fn own_text(suite: &mut Suite<'_>, strategy: &dyn PromptStrategy, asked: &[Asked]) {
    suite.check(OWN_TEXT, |_| {
        asked.iter().try_for_each(|asked| is_own(strategy, asked))
    });
}

fn is_own(strategy: &dyn PromptStrategy, asked: &Asked) -> Checked {
    let own = strategy
        .own_text(&asked.subject)
        .map_err(Fault::at("it does not tell its own text"))?;
    let text = |request: &Request| match &request.prompt {
        Prompt::Text(text) => text.clone(),
        Prompt::Chat { answer_start, .. } => answer_start.clone(),
    };
    let prompts: Vec<String> = asked.requests.iter().map(text).collect();
    for request in own {
        let Ask::Likelihood { continuations } = &request.ask else {
            return Err(Fault::new("its own text is asked for by likelihoods"));
        };
        for continuation in continuations {
            let whole = format!("{}{continuation}", text(&request));
            let part = prompts.iter().any(|prompt| prompt.starts_with(&whole));
            holds(!continuation.is_empty() && part, || {
                format!("its own text is part of what it asks, but not `{whole}`")
            })?;
        }
    }
    Ok(())
}
