//! A prompt strategy: how a language model is asked for the scores of an item or a user. Use it by
//! `lapidary.prompt("{{name}}", { attributes = FILE, … })`.

use lapidary_sdk::prelude::*;
use lapidary_sdk::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a script may set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "lapidary_sdk::schemars")]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Most recent items of a user that the model reads.
    #[schemars(range(min = 1))]
    pub history: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { history: 10 }
    }
}

/// Which end of an attribute fits better: the likelihoods of both, after the same words.
pub struct Mine {
    settings: Settings,
    set: AttributeSet,
}

impl Component for Mine {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str =
        "Scores by how much likelier the high end of an attribute reads than its low end.";
    type Settings = Settings;
    type Context = PromptStrategyContext;

    fn create(settings: Settings, context: PromptStrategyContext) -> Result<Self> {
        let set = context.attributes;
        Ok(Self { settings, set })
    }
}

impl PromptStrategy for Mine {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let start = match subject {
            Subject::Item(item) => format!("The {} \"{}\" is", self.set.item, item.title),
            Subject::User(items) => {
                let first = items.len().saturating_sub(self.settings.history);
                let titles: Vec<_> = items.iter().skip(first).map(|i| i.title.as_str()).collect();
                let (verb, titles) = (&self.set.verb, titles.join(", "));
                format!("Someone {verb} {titles}. What they like is")
            }
        };
        let ask = |attribute: &Attribute| Request {
            prompt: Prompt::Text(start.clone()),
            ask: Ask::Likelihood {
                continuations: vec![
                    format!(" {}", attribute.low),
                    format!(" {}", attribute.high),
                ],
            },
        };
        Ok(self.set.attributes.iter().map(ask).collect())
    }

    fn read(&self, _: &Subject, answers: &[Answer]) -> Result<Reading> {
        must(answers.len() == self.set.attributes.len(), || {
            "an answer is missing".to_owned()
        })?;
        let measure = |answer: &Answer| match answer {
            Answer::Likelihood { log_probs, tokens } => match (&log_probs[..], &tokens[..]) {
                ([low, high], [short, long]) => Ok(Some(
                    (high / f64::from(*long) - low / f64::from(*short)) as f32,
                )),
                _ => Err(Error::invalid("expected two likelihoods")),
            },
            Answer::Text(_) => Err(Error::invalid("expected likelihoods, found a text")),
        };
        Ok(Reading {
            values: answers.iter().map(measure).collect::<Result<_>>()?,
            repaired: false,
            problems: Vec::new(),
        })
    }

    // `raw` [N,m] the subjects, `reference` [M,m] all of their sort; the scores [N,m]. NaN stays NaN.
    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let m = self.set.attributes.len() as i64;
        must(raw.size().get(1) == Some(&m), || {
            format!(
                "expected a column an attribute, {m}, found {:?}",
                raw.size()
            )
        })?;
        let mean = |x: &Tensor| x.f_nanmean([0i64].as_slice(), true, DType::Float);
        let middle = mean(reference)?;
        let deviation = mean(&reference.f_sub(&middle)?.f_square()?)?.f_sqrt()?;
        Ok(raw.f_sub(&middle)?.f_div(&deviation.f_clamp_min(1e-6)?)?)
    }
}

lapidary_sdk::register!(prompt_strategy: Mine);
lapidary_sdk::export_plugin!();
