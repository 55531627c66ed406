//! Scores from one written JSON answer.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::template::Template;
use crate::text::{ITEM, USER, Writer};
use crate::written::{SET, Written, only_text};

/// Settings of `score_json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What the model is, as the chat's system message; empty for none.
    pub system: String,
    /// The question about an item. Placeholders: {title}, {year}, {categories}, {item}, {items}, {verb},
    /// {fields.NAME}, {attributes}, {format}, {highest}; a part in [ ] is left out when a placeholder in it has no
    /// value.
    pub item_template: String,
    /// The question about a user. Placeholders: {history}, {item}, {items}, {verb}, {attributes}, {format}, {highest}.
    pub user_template: String,
    /// Text that the answer begins with; empty for none.
    pub answer_start: String,
    /// Whether the answer's form is asked for as a JSON Schema too; for models that can be held to one.
    pub schema: bool,
    /// The highest score; the lowest is 0.
    #[schemars(range(min = 1))]
    pub highest: u32,
    /// Most tokens of an answer; 0 takes as many as the attributes need.
    pub max_tokens: u32,
    /// Most recent items of a history that the model reads.
    #[schemars(range(min = 1))]
    pub history: usize,
    /// Longest text of a title, in characters.
    #[schemars(range(min = 1))]
    pub title_length: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let item = "How does this {item} rate on each attribute, from 0 to {highest}?\n\
                    The [{categories} ]{item} \"{title}[ ({year})]\".\n\nAttributes:\n{attributes}\n\n\
                    Answer with one JSON object of this form and nothing else, a number for each …:\n{format}";
        let user = "A customer {verb} {history}, oldest first. How much do they want of each attribute in the {items} \
                    they choose next, from 0 to {highest}?\n\nAttributes:\n{attributes}\n\n\
                    Answer with one JSON object of this form and nothing else, a number for each …:\n{format}";
        Self {
            system: "You are an experienced salesperson who knows the catalogue well and rates it honestly."
                .to_owned(),
            item_template: item.to_owned(),
            user_template: user.to_owned(),
            answer_start: String::new(),
            schema: false,
            highest: 10,
            max_tokens: 0,
            history: 20,
            title_length: 80,
        }
    }
}

/// One JSON object with a number for every attribute, written by the model, as Jia et al. (arXiv:2504.11658) ask. It is
/// repaired where it can be; what is missing or out of range is a problem, never a guess.
pub struct ScoreJson {
    settings: Settings,
    item_template: Template,
    user_template: Template,
    writer: Writer,
}

impl Component for ScoreJson {
    const NAME: &'static str = "score_json";
    const SUMMARY: &'static str =
        "Scores written by the model as one JSON object; for large models.";
    type Settings = Settings;
    type Context = PromptStrategyContext;

    fn create(settings: Settings, context: PromptStrategyContext) -> Result<Self> {
        if settings.highest == 0 {
            return Err(Error::invalid("`highest` must be at least 1"));
        }
        if settings.schema && !settings.answer_start.is_empty() {
            return Err(Error::invalid(
                "`schema` is the form of the whole answer: leave `answer_start` empty, or `schema` off",
            ));
        }
        let known = |subject: &[&'static str]| [subject, &SET].concat();
        Ok(Self {
            item_template: Template::parse(
                "item_template",
                &settings.item_template,
                &known(&ITEM),
            )?,
            user_template: Template::parse(
                "user_template",
                &settings.user_template,
                &known(&USER),
            )?,
            writer: Writer::new(context.attributes, settings.history, settings.title_length)?,
            settings,
        })
    }
}

impl PromptStrategy for ScoreJson {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let template = match subject {
            Subject::Item(_) => &self.item_template,
            Subject::User(_) => &self.user_template,
        };
        let written = self.written();
        let value = |name: &str| match written.value(name) {
            Some(value) => value,
            None => self.writer.value(subject, name),
        };
        let question = template.render(&value);
        let message = |role, content| Message { role, content };
        let mut messages = vec![message(Role::User, question)];
        if !self.settings.system.is_empty() {
            messages.insert(0, message(Role::System, self.settings.system.clone()));
        }
        Ok(vec![Request {
            prompt: Prompt::Chat {
                messages,
                answer_start: self.settings.answer_start.clone(),
            },
            ask: Ask::Complete {
                max_tokens: match self.settings.max_tokens {
                    0 => written.tokens(),
                    given => given,
                },
                stop: Vec::new(),
                temperature: 0.0,
                seed: 0,
                schema: self.settings.schema.then(|| written.schema()),
            },
        }])
    }

    fn read(&self, _: &Subject, answers: &[Answer]) -> Result<Reading> {
        let answer = format!("{}{}", self.settings.answer_start, only_text(answers)?);
        Ok(self.written().read(&answer, false))
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        self.written().calibrate(raw, reference)
    }
}

impl ScoreJson {
    fn written(&self) -> Written<'_> {
        Written {
            set: &self.writer.set,
            highest: self.settings.highest,
        }
    }
}

#[cfg(test)]
#[path = "json_test.rs"]
mod tests;
