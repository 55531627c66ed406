//! Prompt strategies: how a language model is asked for attribute scores, and how its answers are read.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use tch::Tensor;

use crate::component::{Component, Kind, Method, Stateful};
use crate::error::{Error, Result};
use crate::kinds::llm::{Answer, Request};
use crate::serve::{Incoming, Serve};

/// Asks for the scores of an item or a user, and reads the answers.
///
/// Reading goes in two steps: [`PromptStrategy::read`] turns the answers about one subject into r raw measurements;
/// [`PromptStrategy::calibrate`] turns the measurements of many subjects into scores on the m attributes.
pub trait PromptStrategy: Stateful {
    /// The requests that concern one subject.
    ///
    /// # Errors
    /// When a template cannot be filled.
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>>;

    /// Reads the answers to [`PromptStrategy::requests`], in their order. An answer that cannot be read is no error:
    /// the reading says so.
    ///
    /// # Errors
    /// When the answers are not of the sort that was asked for.
    fn read(&self, subject: &Subject, answers: &[Answer]) -> Result<Reading>;

    /// Turns raw measurements into scores.
    ///
    /// # Shapes
    /// `raw` f32 `[N,r]` the subjects to score; `reference` f32 `[M,r]` the population they are compared with, all
    /// items or all users; result f32 `[N,m]`. NaN marks what could not be read.
    ///
    /// # Errors
    /// When a shape does not fit.
    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor>;

    /// What [`PromptStrategy::read`] makes of likelihoods, as an operation through which gradients flow: for fine-tuning.
    /// Optional; so is [`PromptStrategy::own_text`].
    ///
    /// # Shapes
    /// `log_probs` f32 `[N,c]` the log-probabilities of c continuations, in the order of the requests about one subject;
    /// `tokens` i64 `[N,c]` their numbers of tokens; result f32 `[N,r]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    fn measure(&self, _log_probs: &Tensor, _tokens: &Tensor) -> Result<Tensor> {
        Err(Error::Unsupported(method::MEASURE))
    }

    /// Asks how likely the words are that the template itself brings, each after what stands before it: fine-tuning keeps
    /// them likely, so that the model does not forget the form in which it is asked (the paper's format loss). Optional.
    ///
    /// # Errors
    /// When a template cannot be filled.
    fn own_text(&self, _subject: &Subject) -> Result<Vec<Request>> {
        Err(Error::Unsupported(method::OWN_TEXT))
    }
}

/// What is scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// One item.
    Item(ItemText),
    /// A user, by the training part of the history, oldest first.
    User(Vec<ItemText>),
}

/// Text of an item. Fields that the data set lacks are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemText {
    /// Its title, or its identifier where it has none.
    pub title: String,
    /// Year, as text.
    pub year: String,
    /// Categories or genres.
    pub categories: Vec<String>,
    /// Further fields by name, such as `director` or `brand`.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// What was read from the answers about one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// r raw measurements; null where one could not be read.
    pub values: Vec<Option<f32>>,
    /// Whether an answer had to be repaired to be read.
    pub repaired: bool,
    /// Why something could not be read. A reply may also say so in a text alone, as `problem`.
    #[serde(default, alias = "problem", deserialize_with = "problems")]
    pub problems: Vec<Problem>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The sort of trouble.
    pub kind: ProblemKind,
    /// The attribute that it concerns, where it does not concern them all.
    #[serde(default)]
    pub attribute: Option<String>,
    /// What was found, for people.
    pub text: String,
}

/// Sorts of trouble, which are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Nothing in the answer is what was asked for.
    NoAnswer,
    /// An attribute is not mentioned.
    Missing,
    /// What stands for a score is no number.
    NotANumber,
    /// The number is outside the scale.
    OutOfRange,
    /// There are several scores, which differ.
    Ambiguous,
    /// A likelihood is no finite number.
    NoLikelihood,
    /// Any other.
    #[serde(other)]
    Other,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.attribute {
            Some(attribute) => write!(f, "`{attribute}`: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

fn problems<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<Problem>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told {
        Each(Vec<Problem>),
        Text(String),
    }
    Ok(match Option::deserialize(from)? {
        None => Vec::new(),
        Some(Told::Each(problems)) => problems,
        Some(Told::Text(text)) => vec![Problem {
            kind: ProblemKind::Other,
            attribute: None,
            text,
        }],
    })
}

/// The attributes of a domain, as written in `configs/attributes/*.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSet {
    /// Name of the domain, such as `movies`.
    pub domain: String,
    /// What one item is called, such as `movie`.
    pub item: String,
    /// What several items are called, such as `movies`.
    pub items: String,
    /// What a user did with an item, such as `watched`.
    pub verb: String,
    /// The attributes, m of them.
    pub attributes: Vec<Attribute>,
}

/// One attribute that a person chose and can read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its name: lowercase letters, digits and `_`.
    pub name: String,
    /// What it is.
    pub description: String,
    /// What a low score means.
    pub low: String,
    /// What a high score means.
    pub high: String,
    /// Phrases that name it, as they would follow `is best known for its`.
    pub phrases: Vec<String>,
}

/// What the host tells a prompt strategy on creation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PromptStrategyContext {
    /// The attributes to score.
    pub attributes: AttributeSet,
}

/// Method numbers.
pub mod method {
    /// `requests`.
    pub const REQUESTS: u32 = 1;
    /// `read`.
    pub const READ: u32 = 2;
    /// `calibrate`.
    pub const CALIBRATE: u32 = 3;
    /// `measure`, optional.
    pub const MEASURE: u32 = 4;
    /// `own_text`, optional.
    pub const OWN_TEXT: u32 = 5;
}

/// Arguments of `requests` and `own_text`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestsArguments {
    /// The subject.
    pub subject: Subject,
}

/// Reply of `requests` and `own_text`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestsReply {
    /// The requests.
    pub requests: Vec<Request>,
}

/// Arguments of `read`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadArguments {
    /// The subject.
    pub subject: Subject,
    /// The answers, in the order of the requests.
    pub answers: Vec<Answer>,
}

/// The methods of a prompt strategy, as written in `ABI.md`.
pub fn methods() -> Vec<Method> {
    vec![
        Method::new(method::REQUESTS, "requests", &[], &[]),
        Method::new(method::READ, "read", &[], &[]),
        Method::new(
            method::CALIBRATE,
            "calibrate",
            &["raw f32 [N,r]", "reference f32 [M,r]"],
            &["scores f32 [N,m]"],
        ),
        Method::new(
            method::MEASURE,
            "measure",
            &["log_probs f32 [N,c]", "tokens i64 [N,c]"],
            &["raw f32 [N,r]"],
        )
        .optional(),
        Method::new(method::OWN_TEXT, "own_text", &[], &[]).optional(),
    ]
}

/// Serves prompt strategies.
pub struct PromptStrategyKind;

impl<T: Component<Context = PromptStrategyContext> + PromptStrategy> Serve<T>
    for PromptStrategyKind
{
    const KIND: Kind = Kind::PromptStrategy;

    fn invoke(instance: &mut T, number: u32, call: &mut Incoming<'_>) -> Result<()> {
        match number {
            method::REQUESTS => {
                let RequestsArguments { subject } = call.arguments()?;
                call.reply(&RequestsReply {
                    requests: instance.requests(&subject)?,
                })
            }
            method::READ => {
                let ReadArguments { subject, answers } = call.arguments()?;
                call.reply(&instance.read(&subject, &answers)?)
            }
            method::CALIBRATE => {
                let scores = instance.calibrate(call.input("raw")?, call.input("reference")?)?;
                call.give("scores", scores)
            }
            method::MEASURE => {
                let raw = instance.measure(call.input("log_probs")?, call.input("tokens")?)?;
                call.give("raw", raw)
            }
            method::OWN_TEXT => {
                let RequestsArguments { subject } = call.arguments()?;
                call.reply(&RequestsReply {
                    requests: instance.own_text(&subject)?,
                })
            }
            other => Err(Error::Unsupported(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn problems_are_typed_and_a_text_alone_is_understood() {
        let read = |problem: &str| {
            let text = format!("{{\"values\": [null], \"repaired\": false{problem}}}");
            serde_json::from_str::<Reading>(&text).unwrap().problems
        };
        assert!(read("").is_empty() && read(", \"problem\": null").is_empty());
        let [old] = &read(", \"problem\": \"no words\"")[..] else {
            unreachable!("one problem")
        };
        assert_eq!(
            (old.kind, old.to_string()),
            (ProblemKind::Other, "no words".to_owned())
        );
        let typed = ", \"problems\": [{\"kind\": \"out_of_range\", \"attribute\": \"humor\", \"text\": \"11\"}, \
                     {\"kind\": \"of_tomorrow\", \"text\": \"x\"}]";
        let [known, unknown] = &read(typed)[..] else {
            unreachable!("two problems")
        };
        assert_eq!(
            (known.kind, known.to_string()),
            (ProblemKind::OutOfRange, "`humor`: 11".to_owned())
        );
        assert_eq!(unknown.kind, ProblemKind::Other);
    }
}
