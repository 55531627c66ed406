//! Scores from the expected digit.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calibration::{centre_rows, check_answers, check_width, measured, readable};
use crate::template::Template;
use crate::text::{ITEM, USER, Writer};

/// Placeholders that an attribute fills.
const ATTRIBUTE: [&str; 4] = ["attribute", "description", "low", "high"];

/// Settings of `score_digits`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The question about an item. Placeholders: {title}, {year}, {categories}, {item}, {items}, {verb},
    /// {fields.NAME}, {attribute}, {description}, {low}, {high}; a part in [ ] is left out when a placeholder in it
    /// has no value.
    pub item_template: String,
    /// The question about a user. Placeholders: {history}, {item}, {items}, {verb}, {attribute}, {description}, {low},
    /// {high}.
    pub user_template: String,
    /// What stands between the question and the digit.
    pub answer_start: String,
    /// Whether the question is put as a message of a chat; otherwise the model continues plain text.
    pub chat: bool,
    /// Most recent items of a history that the model reads.
    #[schemars(range(min = 1))]
    pub history: usize,
    /// Longest text of a title, in characters.
    #[schemars(range(min = 1))]
    pub title_length: usize,
    /// Whether a subject's mean over attributes is taken from its scores, which then are around 0, not in 0..1.
    pub centre_subjects: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let item = "The [{categories} ]{item} \"{title}[ ({year})]\" is rated for {attribute}. {description} \
                    0 means {low}, 9 means {high}.";
        let user = "Someone {verb} {history}. Which {items} will they like? The {items} are rated for {attribute}. \
                    {description} 0 means {low}, 9 means {high}.";
        Self {
            item_template: item.to_owned(),
            user_template: user.to_owned(),
            answer_start: "Rating from 0 to 9:".to_owned(),
            chat: false,
            history: 10,
            title_length: 80,
            centre_subjects: false,
        }
    }
}

/// The expected digit at the answer's place, `Σ s · p(s)` over the digits 0 to 9, divided by 9; one request for each
/// attribute. The probabilities are those of the digits among themselves.
pub struct ScoreDigits {
    settings: Settings,
    item_template: Template,
    user_template: Template,
    answer_start: Template,
    writer: Writer,
}

impl Component for ScoreDigits {
    const NAME: &'static str = "score_digits";
    const SUMMARY: &'static str =
        "Scores by the expected digit on a scale from 0 to 9; for models that can use a scale.";
    const OPTIONAL: &'static [u32] = &[
        prompt_strategy::method::MEASURE,
        prompt_strategy::method::OWN_TEXT,
    ];
    type Settings = Settings;
    type Context = PromptStrategyContext;

    fn create(settings: Settings, context: PromptStrategyContext) -> Result<Self> {
        let known = |subject: &[&'static str]| [subject, &ATTRIBUTE].concat();
        let parse =
            |place, text: &str, known: &[&str]| Template::parse(place, text.trim_end(), known);
        Ok(Self {
            item_template: parse("item_template", &settings.item_template, &known(&ITEM))?,
            user_template: parse("user_template", &settings.user_template, &known(&USER))?,
            answer_start: parse("answer_start", &settings.answer_start, &ATTRIBUTE)?,
            writer: Writer::new(context.attributes, settings.history, settings.title_length)?,
            settings,
        })
    }
}

impl PromptStrategy for ScoreDigits {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let request = |attribute: &Attribute| {
            let (question, answer_start) = self.texts(subject, attribute);
            let prompt = match self.settings.chat {
                true => chat(question, answer_start),
                false => Prompt::Text(format!("{question}\n{answer_start}")),
            };
            let continuations = (0..10).map(|digit| format!(" {digit}")).collect();
            likelihood(prompt, continuations)
        };
        Ok(self.writer.set.attributes.iter().map(request).collect())
    }

    fn read(&self, _: &Subject, answers: &[Answer]) -> Result<Reading> {
        check_answers(answers, self.writer.set.attributes.len())?;
        let expected: Vec<f64> = answers.iter().map(expected_digit).collect::<Result<_>>()?;
        let values = readable(expected.into_iter().map(|digit| digit / 9.0));
        Ok(measured(values))
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let width = self.writer.set.attributes.len() as i64;
        check_width([("raw", raw), ("reference", reference)], width)?;
        let scores = match self.settings.centre_subjects {
            true => centre_rows(raw)?,
            false => raw.shallow_clone(),
        };
        Ok(scores.f_to_kind(DType::Float)?)
    }

    fn measure(&self, log_probs: &Tensor, _tokens: &Tensor) -> Result<Tensor> {
        let by_attribute = log_probs.f_unflatten(1, [-1, 10])?;
        let digits = Tensor::f_arange(10, (log_probs.kind(), log_probs.device()))?;
        let expected = by_attribute
            .f_softmax(-1, DType::Float)?
            .f_mul(&digits)?
            .f_sum_dim_intlist([-1].as_slice(), false, DType::Float)?;
        Ok(expected.f_div_scalar(9.0)?)
    }

    /// What an answer begins with, after the question.
    fn own_text(&self, subject: &Subject) -> Result<Vec<Request>> {
        let request = |attribute: &Attribute| {
            let (question, answer_start) = self.texts(subject, attribute);
            if answer_start.is_empty() {
                return None;
            }
            Some(match self.settings.chat {
                true => likelihood(chat(question, String::new()), vec![answer_start]),
                false => likelihood(Prompt::Text(question), vec![format!("\n{answer_start}")]),
            })
        };
        let attributes = self.writer.set.attributes.iter();
        Ok(attributes.filter_map(request).collect())
    }
}

impl ScoreDigits {
    /// The question about an attribute, and what the answer begins with.
    fn texts(&self, subject: &Subject, attribute: &Attribute) -> (String, String) {
        let template = match subject {
            Subject::Item(_) => &self.item_template,
            Subject::User(_) => &self.user_template,
        };
        let value = |name: &str| match name {
            "attribute" => attribute.name.replace('_', " "),
            "description" => attribute.description.clone(),
            "low" => attribute.low.clone(),
            "high" => attribute.high.clone(),
            other => self.writer.value(subject, other),
        };
        (template.render(&value), self.answer_start.render(&value))
    }
}

fn chat(question: String, answer_start: String) -> Prompt {
    Prompt::Chat {
        messages: vec![Message {
            role: Role::User,
            content: question,
        }],
        answer_start,
    }
}

fn likelihood(prompt: Prompt, continuations: Vec<String>) -> Request {
    Request {
        prompt,
        ask: Ask::Likelihood { continuations },
    }
}

fn expected_digit(answer: &Answer) -> Result<f64> {
    let Answer::Likelihood { log_probs, .. } = answer else {
        return Err(Error::invalid(
            "expected likelihoods, found a written answer",
        ));
    };
    if log_probs.len() != 10 {
        let text = format!("expected 10 likelihoods, found {}", log_probs.len());
        return Err(Error::invalid(text));
    }
    let top = log_probs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = log_probs.iter().map(|v| (v - top).exp());
    let (sum, weighted) = weights.zip(0..10).fold((0.0, 0.0), |(s, w), (p, digit)| {
        (s + p, w + p * f64::from(digit))
    });
    Ok(weighted / sum)
}

#[cfg(test)]
#[path = "digits_test.rs"]
mod tests;
