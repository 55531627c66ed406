//! Scores that the model writes, asked for as a template file says.

use std::marker::PhantomData;

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::file::TemplateFile;
use crate::text::Writer;
use crate::written::{Written, only_text};

/// Settings of `few_shot` and `reasoned`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The template: a file such as those in `configs/prompts/`, of which this is the text once it was read. Empty for
    /// the one that comes with the strategy.
    pub template: String,
    /// Name of the template's file, for messages.
    pub template_name: String,
    /// Most recent items of a history that the model reads.
    #[schemars(range(min = 1))]
    pub history: usize,
    /// Longest text of a title, in characters.
    #[schemars(range(min = 1))]
    pub title_length: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            template: String::new(),
            template_name: String::new(),
            history: 20,
            title_length: 80,
        }
    }
}

/// A strategy that is told apart by its own template alone.
pub trait Way: Send + 'static {
    /// Name of the strategy.
    const NAME: &'static str;
    /// One sentence for listings.
    const SUMMARY: &'static str;
    /// Its own template.
    const TEMPLATE: &'static str;
}

/// Examples with scores stand before the question (few-shot prompting; Brown et al. 2020).
pub struct FewShot;

impl Way for FewShot {
    const NAME: &'static str = "few_shot";
    const SUMMARY: &'static str =
        "Scores written after examples of a template file; for models that can use a scale.";
    const TEMPLATE: &'static str = include_str!("../../../configs/prompts/few_shot.toml");
}

/// The model says first what a salesperson would think of (chain-of-thought prompting; Wei et al. 2022), then the scores.
pub struct Reasoned;

impl Way for Reasoned {
    const NAME: &'static str = "reasoned";
    const SUMMARY: &'static str = "Scores written after a salesperson's reasoning, as a template file asks; for large models.";
    const TEMPLATE: &'static str = include_str!("../../../configs/prompts/reasoned.toml");
}

/// One chat a subject: the template's system message, its examples, and the question; the model answers with one JSON
/// object, after its reasoning where the template asks for that.
pub struct Templated<W> {
    file: TemplateFile,
    writer: Writer,
    way: PhantomData<W>,
}

impl<W: Way> Component for Templated<W> {
    const NAME: &'static str = W::NAME;
    const SUMMARY: &'static str = W::SUMMARY;
    type Settings = Settings;
    type Context = PromptStrategyContext;

    fn create(settings: Settings, context: PromptStrategyContext) -> Result<Self> {
        let (name, text) = match (settings.template_name.as_str(), settings.template.as_str()) {
            ("", own) if own.trim().is_empty() => (W::NAME, W::TEMPLATE),
            ("", own) => ("template", own),
            named => named,
        };
        Ok(Self {
            file: TemplateFile::read(name, text, &context.attributes)?,
            writer: Writer::new(context.attributes, settings.history, settings.title_length)?,
            way: PhantomData,
        })
    }
}

impl<W: Way> PromptStrategy for Templated<W> {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let messages = self.file.messages(subject, &self.writer).ok_or_else(|| {
            Error::invalid(
                "the template has no question about users; write one under `user`, or score users by their history",
            )
        })?;
        Ok(vec![Request {
            prompt: Prompt::Chat {
                messages,
                answer_start: String::new(),
            },
            ask: Ask::Complete {
                max_tokens: self
                    .written()
                    .tokens()
                    .saturating_add(self.file.reasoning_tokens),
                stop: Vec::new(),
                temperature: 0.0,
                seed: 0,
                schema: None,
            },
        }])
    }

    fn read(&self, _: &Subject, answers: &[Answer]) -> Result<Reading> {
        let reasons = self.file.reasoning_tokens > 0;
        Ok(self.written().read(only_text(answers)?, reasons))
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        self.written().calibrate(raw, reference)
    }
}

impl<W> Templated<W> {
    fn written(&self) -> Written<'_> {
        Written {
            set: &self.writer.set,
            highest: self.file.highest,
        }
    }
}

#[cfg(test)]
#[path = "templated_test.rs"]
mod tests;
