//! What servers reply, as far as it is read. Fields beyond it are passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// A reply of `/completions` or `/chat/completions`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Reply {
    /// The answers; one, as one is asked for.
    pub choices: Vec<Choice>,
    /// Tokens read and written.
    #[serde(default, deserialize_with = "whole")]
    pub usage: Option<Usage>,
}

impl Reply {
    /// The answer.
    pub fn choice(&self) -> Choice {
        self.choices.first().cloned().unwrap_or_default()
    }

    /// How many tokens the text had that the model read.
    pub fn prompt_tokens(&self) -> Option<u64> {
        self.usage.map(|usage| usage.prompt_tokens)
    }
}

/// What was used; none where the server does not say how much was read.
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Usage>, D::Error> {
    #[derive(Deserialize)]
    struct Told {
        prompt_tokens: Option<u64>,
        completion_tokens: Option<u64>,
    }
    let told = Option::<Told>::deserialize(from)?;
    Ok(told.and_then(|told| {
        Some(Usage {
            prompt_tokens: told.prompt_tokens?,
            completion_tokens: told.completion_tokens.unwrap_or(0),
        })
    }))
}

/// Tokens read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    #[serde(default)]
    pub completion_tokens: u64,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Choice {
    /// The text, of `/completions`.
    #[serde(default)]
    pub text: Option<String>,
    /// The message, of `/chat/completions`.
    #[serde(default)]
    pub message: Option<Written>,
    /// Log-probabilities, where they were asked for and are offered.
    #[serde(default)]
    pub logprobs: Option<LogProbs>,
}

/// A message that the model wrote.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Written {
    /// Its text.
    #[serde(default)]
    pub content: Option<String>,
    /// Why it wrote none.
    #[serde(default)]
    pub refusal: Option<String>,
}

/// Log-probabilities, in the form of `/completions` or of `/chat/completions`; some servers use the latter for both.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct LogProbs {
    /// The tokens' texts.
    #[serde(default)]
    pub tokens: Option<Vec<String>>,
    /// Their log-probabilities.
    #[serde(default)]
    pub token_logprobs: Option<Vec<Option<f64>>>,
    /// The likeliest tokens at their places.
    #[serde(default)]
    pub top_logprobs: Option<Vec<Option<BTreeMap<String, f64>>>>,
    /// The same as a list, of `/chat/completions`.
    #[serde(default)]
    pub content: Option<Vec<Place>>,
}

/// A token, and what else could stand at its place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Place {
    /// The token's text.
    pub token: String,
    /// Its log-probability; none where it is no number, as that of a token that cannot be.
    #[serde(default)]
    pub logprob: Option<f64>,
    /// The likeliest tokens at this place.
    #[serde(default)]
    pub top_logprobs: Option<Vec<Place>>,
}

/// A token and its log-probability.
pub type Listed = (String, f64);

impl LogProbs {
    /// The likeliest first tokens of the answer; nothing where the server lists none.
    pub fn first_tokens(self) -> Vec<Listed> {
        if let Some(place) = self.content.into_iter().flatten().next() {
            let top = place.top_logprobs.into_iter().flatten();
            return top.filter_map(|p| Some((p.token, p.logprob?))).collect();
        }
        let first = self.top_logprobs.into_iter().flatten().next().flatten();
        first.unwrap_or_default().into_iter().collect()
    }

    /// The tokens of the text with their log-probabilities; nothing where the server gives none.
    pub fn tokens(self) -> Vec<(String, Option<f64>)> {
        let tokens = self.tokens.unwrap_or_default();
        let values = self.token_logprobs.unwrap_or_default();
        tokens.into_iter().zip(values).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_forms_of_log_probabilities_are_read() {
        let classic = r#"{"tokens": ["a"], "token_logprobs": [-1.5], "text_offset": [0],
            "top_logprobs": [{"b": -0.5, "a": -1.5}]}"#;
        let chat = r#"{"content": [{"token": "a", "logprob": -1.5, "bytes": null,
            "top_logprobs": [{"token": "a", "logprob": -1.5}, {"token": "b", "logprob": -0.5}]}]}"#;
        for text in [classic, chat] {
            let read: LogProbs = serde_json::from_str(text).unwrap();
            let expected = [("a".to_owned(), -1.5), ("b".to_owned(), -0.5)];
            assert_eq!(read.first_tokens(), expected, "{text}");
        }
        let read: LogProbs = serde_json::from_str(classic).unwrap();
        assert_eq!(read.tokens(), [("a".to_owned(), Some(-1.5))]);
    }

    #[test]
    fn what_a_server_leaves_out_is_empty() {
        let reply = r#"{"choices": [{"text": "x", "logprobs": null}]}"#;
        let reply: Reply = serde_json::from_str(reply).unwrap();
        assert_eq!(
            (reply.prompt_tokens(), reply.choice().logprobs),
            (None, None)
        );
        for usage in ["null", "{}", r#"{"prompt_tokens": null}"#] {
            let reply = format!(r#"{{"choices": [], "usage": {usage}}}"#);
            let reply: Reply = serde_json::from_str(&reply).unwrap();
            assert_eq!(reply.usage, None, "{usage}");
        }
        let chat = r#"{"content": [{"token": "a", "logprob": null, "top_logprobs": [
            {"token": "a", "logprob": null}, {"token": "b", "logprob": -0.5}]}]}"#;
        let read: LogProbs = serde_json::from_str(chat).unwrap();
        assert_eq!(read.first_tokens(), [("b".to_owned(), -0.5)]);
        let nulls = r#"{"tokens": null, "token_logprobs": null, "top_logprobs": [null]}"#;
        let read: LogProbs = serde_json::from_str(nulls).unwrap();
        assert!(read.clone().tokens().is_empty() && read.first_tokens().is_empty());
    }
}
