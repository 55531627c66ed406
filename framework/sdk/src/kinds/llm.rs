//! Language models: requests in, answers out.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::adaptation::{LogLikelihoods, LogLikelihoodsReply, LoraSettings};
use super::embedding::{EmbedArguments, EmbedSettings};
use crate::component::{Component, Kind, Method, Stateful};
use crate::error::{Error, Result};
use crate::serve::{Incoming, Serve};

/// Answers requests. It sees text alone; what the answers mean is the prompt strategy's business.
pub trait Llm: Stateful {
    /// What it is.
    ///
    /// # Errors
    /// When the component fails.
    fn info(&self) -> Result<LlmInfo>;

    /// Answers a batch of requests, in their order. How the batch is cut into forward passes is the model's business.
    ///
    /// # Errors
    /// When a request is longer than the context, or the model fails. An error concerns the whole batch.
    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>>;

    /// Answers as many requests of a batch as it can, so that those answered before a failure are not lost. The host
    /// asks this of components that list [`method::ANSWER_SOME`] in [`Component::OPTIONAL`], and [`Llm::answer`] of all
    /// others.
    ///
    /// # Errors
    /// When nothing was answered.
    fn answer_some(&self, requests: &[Request]) -> Result<Answers> {
        Ok(Answers::all(self.answer(requests)?))
    }

    /// Makes the model trainable: gives it an adapter and hands out the adapter's tensors by name. They share storage with
    /// the model's own: the host reads their gradients and updates them in place, and from then on the model answers with
    /// what they hold. [`Stateful::save`] then gives the adapter, and [`Stateful::load`] puts one into a model without:
    /// tensors by PEFT's names, and PEFT's `adapter_config.json` as the JSON value. Optional, together with
    /// [`Llm::log_likelihoods`].
    ///
    /// # Errors
    /// When a target is no linear map of the model, or it has an adapter already.
    fn adapt(&mut self, _: &LoraSettings) -> Result<Vec<(String, Tensor)>> {
        Err(Error::Unsupported(method::ADAPT))
    }

    /// The same numbers that [`Llm::answer`] gives for [`Ask::Likelihood`], as a tensor through which gradients flow to
    /// what [`Llm::adapt`] handed out. Optional, together with it.
    ///
    /// # Errors
    /// When a request asks for something else or is longer than the context, or the model fails.
    fn log_likelihoods(&self, _: &[Request]) -> Result<LogLikelihoods> {
        Err(Error::Unsupported(method::LOG_LIKELIHOODS))
    }

    /// Vectors of texts, f32 `[N,h]` of the model's own width h: pooled hidden states. A text's vector depends on no other
    /// text. Optional.
    ///
    /// # Errors
    /// When the model has no such layer, or fails.
    fn embed(&self, _texts: &[String], _settings: &EmbedSettings) -> Result<Tensor> {
        Err(Error::Unsupported(method::EMBED))
    }
}

/// What a language model is. `fingerprint` enters the names of all that comes out of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LlmInfo {
    /// Name for people.
    pub model: String,
    /// Changes whenever answers may: weights, type of numbers, settings that matter.
    pub fingerprint: String,
    /// Longest prompt with its answer, in tokens; 0 where unknown.
    pub context_length: u64,
    /// Number of weights; 0 where unknown.
    pub parameters: u64,
    /// Whether it has a chat template.
    pub chat: bool,
}

/// One question to a language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What it reads.
    pub prompt: Prompt,
    /// What is wanted.
    pub ask: Ask,
}

impl Request {
    /// The beginning of what it reads, for messages: its first 80 characters on one line, of a chat those of the last
    /// message.
    pub fn beginning(&self) -> String {
        let text = match &self.prompt {
            Prompt::Text(text) => text.as_str(),
            Prompt::Chat { messages, .. } => messages.last().map_or("", |m| m.content.as_str()),
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(80) {
            Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
            None => format!("`{text}`"),
        }
    }

    /// What is wrong with one of the requests of a batch.
    pub fn fault(requests: &[Self], index: usize, reason: impl fmt::Display) -> Error {
        let beginning = requests.get(index).map(Self::beginning).unwrap_or_default();
        let (number, all) = (index + 1, requests.len());
        Error::invalid(format!("request {number} of {all}, {beginning}: {reason}"))
    }
}

/// What a language model reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Plain text, to be continued as it stands.
    Text(String),
    /// Messages for the chat template, and the beginning of the model's own answer.
    Chat {
        /// The messages, oldest first.
        messages: Vec<Message>,
        /// Text that the answer begins with, may be empty.
        answer_start: String,
    },
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who speaks in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sets the scene.
    System,
    /// Asks.
    User,
    /// Answers.
    Assistant,
}

/// What is wanted of a language model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The log-likelihood of each continuation, each right after the prompt.
    Likelihood {
        /// The continuations; one that begins with a space is a new word.
        continuations: Vec<String>,
    },
    /// A written answer.
    Complete {
        /// Most tokens to write.
        max_tokens: u32,
        /// Texts that end the answer; they are not part of it.
        stop: Vec<String>,
        /// 0 takes the likeliest token each time.
        temperature: f64,
        /// Seed of the choice when the temperature is not 0.
        seed: u64,
        /// JSON Schema that the whole answer should follow. A model that cannot be held to one writes freely.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<serde_json::Value>,
    },
}

/// What a language model answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// For [`Ask::Likelihood`]: one value a continuation.
    Likelihood {
        /// Sum of the natural log-probabilities of the continuation's tokens: finite.
        #[serde(with = "finite")]
        log_probs: Vec<f64>,
        /// How many tokens the continuation has.
        tokens: Vec<u32>,
    },
    /// For [`Ask::Complete`]: the text.
    Text(String),
}

/// What became of a batch of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    /// One place a request, in their order; empty where it was not answered.
    pub answers: Vec<Option<Answer>>,
    /// Why some were not answered.
    pub error: Option<String>,
}

impl Answers {
    /// An answer to every request.
    pub fn all(answers: Vec<Answer>) -> Self {
        Self {
            answers: answers.into_iter().map(Some).collect(),
            error: None,
        }
    }
}

/// Log-probabilities as JSON, which has no infinity and no NaN and would make them null.
mod finite {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        match values.iter().find(|v| !v.is_finite()) {
            Some(odd) => Err(S::Error::custom(format!("{odd} {NEEDED}"))),
            None => values.serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        let values = Vec::<Option<f64>>::deserialize(from)?.into_iter();
        let values: Option<Vec<f64>> = values.collect();
        values.ok_or_else(|| D::Error::custom(format!("null {NEEDED}")))
    }

    const NEEDED: &str = "cannot be a log-probability: it must be finite, for what cannot be at all a very low number";
}

/// What the host tells a language model on creation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LlmContext {
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Folders in which models are looked up by name, in this order.
    pub model_dirs: Vec<String>,
}

/// Method numbers.
pub mod method {
    /// `info`.
    pub const INFO: u32 = 1;
    /// `answer`.
    pub const ANSWER: u32 = 2;
    /// `answer_some`, optional.
    pub const ANSWER_SOME: u32 = 3;
    /// `adapt`, optional.
    pub const ADAPT: u32 = 4;
    /// `log_likelihoods`, optional.
    pub const LOG_LIKELIHOODS: u32 = 5;
    /// `embed`, optional.
    pub const EMBED: u32 = 6;
}

/// Arguments of `answer`, `answer_some` and `log_likelihoods`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnswerArguments {
    /// The requests.
    pub requests: Vec<Request>,
}

/// Reply of `answer`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnswerReply {
    /// One answer a request, in their order.
    pub answers: Vec<Answer>,
}

/// The methods of a language model, as written in `ABI.md`.
pub fn methods() -> Vec<Method> {
    vec![
        Method::new(method::INFO, "info", &[], &[]),
        Method::new(method::ANSWER, "answer", &[], &[]),
        Method::new(method::ANSWER_SOME, "answer_some", &[], &[]).optional(),
        Method::new(method::ADAPT, "adapt", &[], &["* f32 [...]"]).optional(),
        Method::new(
            method::LOG_LIKELIHOODS,
            "log_likelihoods",
            &[],
            &["log_probs f32 [T]"],
        )
        .optional(),
        Method::new(method::EMBED, "embed", &[], &["states f32 [N,h]"]).optional(),
    ]
}

/// Serves language models.
pub struct LlmKind;

impl<T: Component<Context = LlmContext> + Llm> Serve<T> for LlmKind {
    const KIND: Kind = Kind::Llm;

    fn invoke(instance: &mut T, number: u32, call: &mut Incoming<'_>) -> Result<()> {
        match number {
            method::INFO => call.reply(&instance.info()?),
            method::ANSWER => {
                let AnswerArguments { requests } = call.arguments()?;
                call.reply(&AnswerReply {
                    answers: instance.answer(&requests)?,
                })
            }
            method::ANSWER_SOME => {
                let AnswerArguments { requests } = call.arguments()?;
                call.reply(&instance.answer_some(&requests)?)
            }
            method::ADAPT => {
                for (name, tensor) in instance.adapt(&call.arguments()?)? {
                    call.give(&name, tensor)?;
                }
                Ok(())
            }
            method::LOG_LIKELIHOODS => {
                let AnswerArguments { requests } = call.arguments()?;
                let LogLikelihoods { log_probs, tokens } = instance.log_likelihoods(&requests)?;
                call.give("log_probs", log_probs)?;
                call.reply(&LogLikelihoodsReply { tokens })
            }
            method::EMBED => {
                let EmbedArguments { texts, settings } = call.arguments()?;
                call.give("states", instance.embed(&texts, &settings)?)
            }
            other => Err(Error::Unsupported(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probabilities_are_finite() {
        let answer = |log_prob| Answer::Likelihood {
            log_probs: vec![-1.5, log_prob],
            tokens: vec![2, 1],
        };
        let good = serde_json::to_string(&answer(-2e30)).unwrap();
        assert_eq!(
            serde_json::from_str::<Answer>(&good).unwrap(),
            answer(-2e30)
        );
        for odd in [f64::NEG_INFINITY, f64::NAN] {
            let message = serde_json::to_string(&answer(odd)).unwrap_err().to_string();
            assert!(message.contains("must be finite"), "{message}");
        }
        let null = good.replace("-1.5", "null");
        let error = serde_json::from_str::<Answer>(&null).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("null cannot be a log-prob"),
            "{message}"
        );
    }
}
