//! The settings, and what may be wrong with them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ureq::http::Uri;

/// Counts the changes of how answers come about; cached answers of another count are not taken.
const ANSWERS: &str = "1";
/// Fields of a call that are Lapidary's own.
const OWN: [&str; 11] = [
    "best_of",
    "echo",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "n",
    "prompt",
    "stream",
    "top_logprobs",
];

/// Settings of the component `openai`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address of the server's API with its version, such as http://localhost:8000/v1.
    pub base_url: String,
    /// The model, as the server calls it.
    pub model: String,
    /// Environment variable that holds the key; its name ends in `_API_KEY`. Where it is not set, no key is sent. A key
    /// goes over https, or to this machine.
    pub key_env: String,
    /// How the likelihood of a text's continuations is measured.
    pub likelihoods: Likelihoods,
    /// How many of the likeliest next tokens the server lists; with `next_token` and `chat`.
    #[schemars(range(min = 1))]
    pub top_logprobs: u32,
    /// How a server is told the form of an answer.
    pub structured: Structured,
    /// Whether the server goes on with a chat's last message when it is the model's own. Otherwise the text that an
    /// answer begins with stands at the end of the last question.
    pub prefill: bool,
    /// Most tokens of any answer; null leaves it to the request.
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// What the server calls the limit of a chat's answer: `max_tokens`, or `max_completion_tokens`.
    pub limit_field: String,
    /// Further fields of every call, such as `top_p`.
    pub extra: BTreeMap<String, Value>,
    /// Most calls at a time.
    #[schemars(range(min = 1))]
    pub concurrency: u32,
    /// Seconds until a call is given up.
    #[schemars(range(min = 1))]
    pub timeout_s: u32,
    /// How often a call is tried again when the server is busy, fails, or cannot be reached.
    pub retries: u32,
    /// Most tokens that this component spends, read and written, those in the ledger included; null for no cap.
    pub max_total_tokens: Option<u64>,
    /// Most money that this component spends, that in the ledger included; null for no cap. Needs the prices.
    #[schemars(range(min = 0))]
    pub max_cost: Option<f64>,
    /// Price of a million tokens that the model reads.
    #[schemars(range(min = 0))]
    pub price_input_per_million: f64,
    /// Price of a million tokens that the model writes.
    #[schemars(range(min = 0))]
    pub price_output_per_million: f64,
    /// File of JSON lines to which every paid call is added. Without one, the caps count what this component spends.
    pub ledger: String,
}

/// Ways to measure the likelihood of a text's continuations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Likelihoods {
    /// `/completions` gives back the text it was given with the log-probability of each token: one call a continuation.
    Echo,
    /// `/completions` lists the likeliest next tokens: one call for each token but a continuation's last.
    NextToken,
    /// `/chat/completions` lists the likeliest first tokens of the answer: one call for all continuations of one token.
    Chat,
}

/// Ways to tell a server the form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// `response_format` of type `json_schema`, strictly.
    JsonSchema,
    /// `response_format` of type `json_object` with the schema beside it, as llama.cpp reads it.
    JsonObject,
    /// Not at all: the question alone says it.
    None,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            model: String::new(),
            key_env: "OPENAI_API_KEY".to_owned(),
            likelihoods: Likelihoods::Echo,
            top_logprobs: 20,
            structured: Structured::JsonSchema,
            prefill: false,
            max_tokens: None,
            limit_field: "max_tokens".to_owned(),
            extra: BTreeMap::new(),
            concurrency: 4,
            timeout_s: 120,
            retries: 5,
            max_total_tokens: None,
            max_cost: None,
            price_input_per_million: 0.0,
            price_output_per_million: 0.0,
            ledger: String::new(),
        }
    }
}

impl Settings {
    /// Refuses what no server could make sense of.
    ///
    /// # Errors
    /// The first setting that is wrong: what it is, and what it should be.
    pub fn check(&self) -> Result<()> {
        let at_least_1 = [
            ("top_logprobs", self.top_logprobs),
            ("concurrency", self.concurrency),
            ("timeout_s", self.timeout_s),
            ("max_tokens", self.max_tokens.unwrap_or(1)),
        ];
        if let Some((name, _)) = at_least_1.iter().find(|(_, value)| *value == 0) {
            return refuse(format!("`{name}` must be at least 1"));
        }
        if self.model.is_empty() {
            return refuse("`model`: name the model, as the server calls it".to_owned());
        }
        let address = self.base_url.split_once("://");
        let Some(("http" | "https", place)) = address else {
            return refuse("`base_url` must begin with http:// or https://".to_owned());
        };
        if place.is_empty() || place.contains(['@', '?', '#', ' ']) {
            let text = "`base_url` must be an address alone, such as http://localhost:8000/v1; a key belongs into the \
                        environment variable that `key_env` names";
            return refuse(text.to_owned());
        }
        self.check_key()?;
        if let Some(field) = self.extra.keys().find(|k| OWN.contains(&k.as_str())) {
            return refuse(format!(
                "`extra` may not hold `{field}`: Lapidary sets it, and caps count on that"
            ));
        }
        self.check_money()
    }

    /// A script chooses the variable and the server: neither may be such that a secret leaks.
    fn check_key(&self) -> Result<()> {
        if !self.key_env.ends_with("_API_KEY") {
            return refuse(format!(
                "`key_env` must name an environment variable that ends in _API_KEY; found {}",
                self.key_env
            ));
        }
        let address: Uri = self
            .base_url
            .parse()
            .map_err(|e| Error::invalid(format!("`base_url` {}: {e}", self.base_url)))?;
        let host = address.host().unwrap_or_default();
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        let safe = here || self.base_url.starts_with("https://");
        match safe || std::env::var_os(&self.key_env).is_none() {
            true => Ok(()),
            false => refuse(format!(
                "the key in {} would go to {host} in clear: take https:// in `base_url`, or a `key_env` that is not set",
                self.key_env
            )),
        }
    }

    fn check_money(&self) -> Result<()> {
        let amounts = [
            ("price_input_per_million", self.price_input_per_million),
            ("price_output_per_million", self.price_output_per_million),
            ("max_cost", self.max_cost.unwrap_or(0.0)),
        ];
        if let Some((name, value)) = amounts
            .iter()
            .find(|(_, value)| !(value.is_finite() && *value >= 0.0))
        {
            return refuse(format!("`{name}` {value} must be 0 or above"));
        }
        let free = self.price_input_per_million + self.price_output_per_million == 0.0;
        match self.max_cost.is_some() && free {
            true => refuse(
                "`max_cost` needs `price_input_per_million` and `price_output_per_million`"
                    .to_owned(),
            ),
            false => Ok(()),
        }
    }

    /// The address of one of the API's paths, such as `/completions`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url.trim_end_matches('/'))
    }

    /// When a call is given up.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_s))
    }

    /// Everything that answers depend on but the request.
    pub fn fingerprint(&self) -> String {
        json!({
            "plugin": [env!("CARGO_PKG_NAME"), ANSWERS],
            "base_url": self.base_url.trim_end_matches('/'), "model": self.model,
            "likelihoods": self.likelihoods, "top_logprobs": self.top_logprobs,
            "structured": self.structured, "prefill": self.prefill, "max_tokens": self.max_tokens,
            "extra": self.extra,
        })
        .to_string()
    }
}

fn refuse(text: String) -> Result<()> {
    Err(Error::invalid(text))
}
