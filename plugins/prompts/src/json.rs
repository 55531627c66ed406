//! Scores from one written JSON answer.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use crate::calibration::check_width;
use crate::lenient::{self, Found, Value};
use crate::template::Template;
use crate::text::{ITEM, USER, Writer};

/// Placeholders that the attribute set fills.
const SET: [&str; 3] = ["attributes", "format", "highest"];

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
    pub highest: u32,
    /// Most tokens of an answer; 0 takes as many as the attributes need.
    pub max_tokens: u32,
    /// Most recent items of a history that the model reads.
    pub history: usize,
    /// Longest text of a title, in characters.
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
        let question = template.render(&|name| match name {
            "attributes" => self.list(),
            "format" => self.form(),
            "highest" => self.settings.highest.to_string(),
            other => self.writer.value(subject, other),
        });
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
                max_tokens: self.max_tokens(),
                stop: Vec::new(),
                temperature: 0.0,
                seed: 0,
                schema: self.settings.schema.then(|| self.schema()),
            },
        }])
    }

    fn read(&self, _: &Subject, answers: &[Answer]) -> Result<Reading> {
        let [Answer::Text(text)] = answers else {
            return Err(Error::invalid("expected one written answer"));
        };
        Ok(self.read_text(&format!("{}{text}", self.settings.answer_start)))
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let width = self.writer.set.attributes.len() as i64;
        check_width([("raw", raw), ("reference", reference)], width)?;
        Ok(raw.f_to_kind(DType::Float)?)
    }
}

impl ScoreJson {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.writer.set.attributes.iter().map(|a| a.name.as_str())
    }

    fn list(&self) -> String {
        let highest = self.settings.highest;
        let line = |a: &Attribute| {
            format!(
                "- {}: {} 0: {}; {highest}: {}.",
                a.name, a.description, a.low, a.high
            )
        };
        let lines: Vec<_> = self.writer.set.attributes.iter().map(line).collect();
        lines.join("\n")
    }

    fn form(&self) -> String {
        let pairs: Vec<_> = self.names().map(|name| format!("\"{name}\": …")).collect();
        format!("{{{}}}", pairs.join(", "))
    }

    fn schema(&self) -> serde_json::Value {
        let number = json!({ "type": "number", "minimum": 0, "maximum": self.settings.highest });
        let properties: Map<_, _> = self
            .names()
            .map(|name| (name.to_owned(), number.clone()))
            .collect();
        let names: Vec<&str> = self.names().collect();
        json!({
            "type": "object", "properties": properties, "required": names, "additionalProperties": false
        })
    }

    fn max_tokens(&self) -> u32 {
        match self.settings.max_tokens {
            0 => 32 + 16 * self.writer.set.attributes.len() as u32,
            given => given,
        }
    }

    fn read_text(&self, text: &str) -> Reading {
        let names: Vec<&str> = self.names().collect();
        let Some(Found {
            pairs,
            mut repaired,
        }) = lenient::find(text, &names)
        else {
            return Reading {
                values: vec![None; names.len()],
                repaired: false,
                problems: vec![Problem {
                    kind: ProblemKind::NoAnswer,
                    attribute: None,
                    text: format!("no scores in {:?}", excerpt(text)),
                }],
            };
        };
        let mut problems = Vec::new();
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            match self.score(name, &pairs, &mut repaired) {
                Ok(score) => values.push(Some(score)),
                Err((kind, text)) => {
                    values.push(None);
                    problems.push(Problem {
                        kind,
                        attribute: Some(name.to_owned()),
                        text,
                    });
                }
            }
        }
        Reading {
            values,
            repaired,
            problems,
        }
    }

    /// The score of an attribute, from 0 to 1.
    fn score(
        &self,
        name: &str,
        pairs: &[(String, Value)],
        repaired: &mut bool,
    ) -> std::result::Result<f32, (ProblemKind, String)> {
        let mut own = pairs
            .iter()
            .filter(|(key, _)| lenient::same_name(key, name));
        let wrong = |kind, text: String| Err((kind, text));
        let Some((key, value)) = own.next() else {
            return wrong(ProblemKind::Missing, "missing".to_owned());
        };
        if own.any(|(_, other)| other != value) {
            let text = "given twice, with different values".to_owned();
            return wrong(ProblemKind::Ambiguous, text);
        }
        let highest = f64::from(self.settings.highest);
        let Some((number, was_number)) = value.number(highest) else {
            return wrong(ProblemKind::NotANumber, format!("{value} is no number"));
        };
        if !(0.0..=highest).contains(&number) {
            let text = format!("{number} is not within 0 and {highest}");
            return wrong(ProblemKind::OutOfRange, text);
        }
        *repaired |= key != name || !was_number;
        Ok((number / highest) as f32)
    }
}

/// The beginning of a text, for messages.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or("")),
        None => line,
    }
}

#[cfg(test)]
#[path = "json_test.rs"]
mod tests;
