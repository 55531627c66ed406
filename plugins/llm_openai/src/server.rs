//! Calls of the server: what they cost, when they are tried again, and what a person reads when they fail.

use std::time::{Duration, SystemTime};

use lapidary_sdk::prelude::*;
use serde_json::{Map, Value};
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use crate::budget::Budget;
use crate::key::Key;
use crate::reply::{Reply, Usage};
use crate::retry::{Stop, may_pass, retry_after, wait_before};
use crate::settings::Settings;

/// A text to be continued goes there.
pub const COMPLETIONS: &str = "/completions";
/// A chat to be answered goes there.
pub const CHAT: &str = "/chat/completions";

/// The longest reply that is read, in bytes: a whole vocabulary with its log-probabilities takes a few million.
const LONGEST_REPLY: u64 = 64 << 20;
/// A server that asks for a longer wait is not waited for.
const LONGEST_WISH: Duration = Duration::from_secs(600);

/// An OpenAI-compatible server.
#[derive(Debug)]
pub struct Server {
    /// How it is asked.
    pub settings: Settings,
    agent: Agent,
    key: Key,
    budget: Budget,
}

/// Why a try brought no reply.
struct Failure {
    text: String,
    /// Whether the next try may bring one.
    again: bool,
    /// How long the server wishes to be left alone.
    wish: Option<Duration>,
    /// Whether the server did its work all the same.
    paid: bool,
}

impl Failure {
    fn of(text: String, again: bool) -> Self {
        Self {
            text,
            again,
            wish: None,
            paid: false,
        }
    }
}

impl Server {
    /// A server that is asked as the settings say. Nothing is sent yet.
    ///
    /// # Errors
    /// When a setting, the key or the ledger cannot be used.
    pub fn new(settings: Settings) -> Result<Self> {
        settings.check()?;
        let config = Agent::config_builder()
            .timeout_global(Some(settings.timeout()))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections_per_host(settings.concurrency as usize)
            .user_agent(concat!("lapidary/", env!("CARGO_PKG_VERSION")));
        Ok(Self {
            agent: config.build().into(),
            key: Key::from_environment(&settings.key_env)?,
            budget: Budget::new(&settings)?,
            settings,
        })
    }

    /// Sends one call and reads its reply, with further tries where they may help. `limit` is the most tokens that it
    /// may write.
    ///
    /// # Errors
    /// When no try brings a reply, a cap could be passed, the ledger cannot be written, or the batch stops.
    pub fn call(
        &self,
        path: &str,
        mut body: Map<String, Value>,
        limit: u32,
        stop: &Stop,
    ) -> Result<Reply> {
        body.insert("model".to_owned(), self.settings.model.clone().into());
        body.extend(self.settings.extra.clone());
        let body = serde_json::to_string(&body).map_err(Error::json("request"))?;
        // No tokenizer makes more tokens of a text than it has bytes.
        let most = Usage {
            prompt_tokens: body.len() as u64,
            completion_tokens: u64::from(limit),
        };
        let url = self.settings.url(path);
        let mut tried = 0;
        loop {
            stop.wait(Duration::ZERO)?;
            let aside = self.budget.set_aside(most, stop)?;
            tried += 1;
            let failure = match self.try_once(&url, &body) {
                Ok(reply) => {
                    aside.spend(reply.usage.unwrap_or(most))?;
                    return Ok(reply);
                }
                Err(failure) => failure,
            };
            match failure.paid {
                true => aside.spend(most)?,
                false => drop(aside),
            }
            if !failure.again || tried > self.settings.retries {
                return Err(self.give_up(&url, tried, &failure));
            }
            stop.wait(wait_before(tried, failure.wish))?;
        }
    }

    fn try_once(&self, url: &str, body: &str) -> std::result::Result<Reply, Failure> {
        let mut request = self
            .agent
            .post(url)
            .header("Content-Type", "application/json");
        if let Some(key) = self.key.header() {
            request = request.header("Authorization", key);
        }
        let mut response = request.send(body).map_err(|e| self.transport(&e))?;
        let status = response.status();
        let text = response
            .body_mut()
            .with_config()
            .limit(LONGEST_REPLY)
            .lossy_utf8(true)
            .read_to_string()
            .map_err(|e| self.transport(&e))?;
        if !status.is_success() {
            return Err(self.refusal(url, status, &response, &text));
        }
        let reason = match serde_json::from_str::<Reply>(&text) {
            Ok(reply) if !reply.choices.is_empty() => return Ok(reply),
            Ok(_) => "it holds no answer".to_owned(),
            Err(e) => e.to_string(),
        };
        Err(Failure {
            paid: true,
            ..Failure::of(
                format!(
                    "its reply is not what such a server replies ({reason}): {}",
                    self.excerpt(&text)
                ),
                false,
            )
        })
    }

    fn transport(&self, error: &ureq::Error) -> Failure {
        use ureq::Error::{ConnectionFailed, HostNotFound, Io, Protocol, Timeout};
        let text = match error {
            Timeout(_) => format!(
                "no whole reply within {} s (setting `timeout_s`)",
                self.settings.timeout_s
            ),
            other => format!("{other}; does the server run, and is `base_url` its address?"),
        };
        let again = matches!(
            error,
            Timeout(_) | Io(_) | Protocol(_) | ConnectionFailed | HostNotFound
        );
        Failure::of(text, again)
    }

    fn refusal<B>(
        &self,
        url: &str,
        status: StatusCode,
        response: &Response<B>,
        body: &str,
    ) -> Failure {
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let wish = header("retry-after").and_then(|v| retry_after(v, SystemTime::now()));
        let told = self.told(body);
        let advice = match status.as_u16() {
            300..=399 => format!(
                "; set `base_url` to where it leads: {}",
                header("location").unwrap_or("it does not say")
            ),
            401 | 403 => format!(
                "; is the right key in the environment variable {}, which `key_env` names?",
                self.settings.key_env
            ),
            404 | 405 | 501 if url.ends_with(CHAT) => {
                "; are `base_url`, which ends with the version such as /v1, and `model` right?"
                    .to_owned()
            }
            404 | 405 | 501 => format!(
                ": this server does not offer {COMPLETIONS}, or has no such model; where only chats are offered, choose \
                 `score_json`, or `score_digits` with `likelihoods = \"chat\"`"
            ),
            429 | 503 if wish.is_some_and(|w| w > LONGEST_WISH) => format!(
                "; it asks to be left alone for {} s: run again after that",
                wish.unwrap_or_default().as_secs()
            ),
            _ => String::new(),
        };
        let out_of_money = body.contains("insufficient_quota");
        let patient = wish.is_none_or(|w| w <= LONGEST_WISH);
        Failure {
            wish,
            ..Failure::of(
                format!("{status}: {told}{advice}"),
                may_pass(status.as_u16()) && patient && !out_of_money,
            )
        }
    }

    fn give_up(&self, url: &str, tried: u32, failure: &Failure) -> Error {
        let tries = match tried {
            1 => String::new(),
            n => format!(" (tried {n} times)"),
        };
        Error::invalid(self.key.hide(&format!("{url}: {}{tries}", failure.text)))
    }

    /// What the server says is wrong: its own words where it has the usual form, otherwise the beginning of the text.
    fn told(&self, body: &str) -> String {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        let places = ["/error/message", "/message", "/error", "/detail"];
        let words = places
            .iter()
            .find_map(|place| json.pointer(place)?.as_str());
        self.excerpt(words.unwrap_or(body))
    }

    /// The beginning of a text, on one line. The key is hidden before anything is cut off: a part of it would not be
    /// found.
    fn excerpt(&self, text: &str) -> String {
        let hidden = self.key.hide(text);
        let line = hidden.split_whitespace().collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(300) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None if line.is_empty() => "an empty text".to_owned(),
            None => line,
        }
    }
}
