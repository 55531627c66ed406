//! Likelihoods of continuations, as the server offers them.

use lapidary_sdk::prelude::*;
use serde_json::{Map, Value, json};

use crate::complete::{chat, fields};
use crate::openai::Asking;
use crate::reply::{Choice, Listed, Reply};
use crate::server::{CHAT, COMPLETIONS};
use crate::settings::Likelihoods;

/// A text that every model goes on with, so that the reply must show a token that was written.
const COUNTING: &str = "1, 2, 3, 4, 5, 6, 7, 8,";

/// The sum of a continuation's log-probabilities, and how many tokens it has.
pub type Measured = (f64, u32);

impl Asking<'_> {
    /// Measures each continuation right after the prompt.
    ///
    /// # Errors
    /// When the server does not offer what is needed: says what to choose instead.
    pub fn likelihoods(&self, prompt: &Prompt, continuations: &[String]) -> Result<Answer> {
        if continuations.iter().any(String::is_empty) {
            return Err(Error::invalid("a continuation is empty"));
        }
        let measured = match (prompt, self.server.settings.likelihoods) {
            (Prompt::Text(text), Likelihoods::Echo) => self.by_echo(text, continuations)?,
            (Prompt::Text(text), Likelihoods::NextToken) => {
                self.by_next_tokens(text, continuations)?
            }
            (Prompt::Text(text), Likelihoods::Chat) => {
                let message = Message {
                    role: Role::User,
                    content: text.clone(),
                };
                let fields = chat(&[message], "", &self.server.settings);
                self.by_chat(fields, continuations)?
            }
            (
                Prompt::Chat {
                    messages,
                    answer_start,
                },
                _,
            ) => {
                let fields = chat(messages, answer_start, &self.server.settings);
                self.by_chat(fields, continuations)?
            }
        };
        let (log_probs, tokens) = measured.into_iter().unzip();
        Ok(Answer::Likelihood { log_probs, tokens })
    }

    /// Lets the server give back the prompt with each continuation.
    fn by_echo(&self, prompt: &str, continuations: &[String]) -> Result<Vec<Measured>> {
        self.learned.once(|| self.check_echo())?;
        let measure = |continuation: &String| {
            let (written, choice) = self.echo(&format!("{prompt}{continuation}"))?;
            let mut tokens = choice.logprobs.unwrap_or_default().tokens();
            tokens.truncate(tokens.len().saturating_sub(written));
            last_tokens(&tokens, continuation)
        };
        continuations.iter().map(measure).collect()
    }

    /// The text given back, and how many tokens were written after it.
    fn echo(&self, text: &str) -> Result<(usize, Choice)> {
        let body = json!({
            "prompt": text, "echo": true, "logprobs": 1, "max_tokens": 1, "temperature": 0
        });
        let reply = self.one_token(COMPLETIONS, fields(body))?;
        let choice = reply.choice();
        let longer = choice.text.as_ref().is_some_and(|t| t.len() > text.len());
        let written = reply
            .usage
            .map_or(u64::from(longer), |u| u.completion_tokens);
        Ok((written as usize, choice))
    }

    /// Some servers know no echo, and some put each value beside the token before its own. The last token, which the
    /// model wrote, then has no place.
    fn check_echo(&self) -> Result<()> {
        let (_, choice) = self.echo(COUNTING)?;
        let text = choice.text.clone().unwrap_or_default();
        let tokens = choice.logprobs.unwrap_or_default().tokens();
        let joined: String = tokens.iter().map(|(token, _)| plain(token)).collect();
        let lacks = match () {
            () if !text.starts_with(COUNTING) => "the text it was given (`echo`)",
            () if tokens.is_empty() => "the log-probabilities of the text it was given (`echo`)",
            () if !joined.ends_with(text.trim_start()) => {
                "each token's own log-probability with `echo`: they are shifted by one, as those of llama-cpp-python are \
                 with models that have no token to begin with"
            }
            () => return Ok(()),
        };
        Err(does_not_offer(lacks))
    }

    /// Lets the server list the first tokens of a chat's answer.
    fn by_chat(
        &self,
        mut body: Map<String, Value>,
        continuations: &[String],
    ) -> Result<Vec<Measured>> {
        let settings = &self.server.settings;
        body.extend(fields(json!({
            "logprobs": true, "top_logprobs": settings.top_logprobs, "temperature": 0
        })));
        body.insert(settings.limit_field.clone(), 1.into());
        let choice = self.one_token(CHAT, body)?.choice();
        let listed = choice.logprobs.unwrap_or_default().first_tokens();
        if listed.is_empty() {
            return Err(does_not_offer("log-probabilities of a chat's answer"));
        }
        let found: Vec<Option<f64>> = continuations.iter().map(|c| spelled(c, &listed)).collect();
        if found.iter().all(Option::is_none) {
            let text = format!(
                "none of the {} likeliest first tokens of the answer is one of the continuations, the likeliest is {}; \
                 ask so that the answer begins with one, for instance with `answer_start` and `prefill`",
                listed.len(),
                likeliest(&listed)
            );
            return Err(Error::invalid(text));
        }
        let measured = continuations.iter().zip(found);
        measured
            .map(|(continuation, found)| match found {
                Some(log_prob) => Ok((log_prob, 1)),
                None => Ok((unlisted(continuation, continuation, &listed)?, 1)),
            })
            .collect()
    }

    /// A call that writes one token.
    pub(crate) fn one_token(&self, path: &str, body: Map<String, Value>) -> Result<Reply> {
        self.server.call(path, body, 1, self.stop)
    }
}

/// The continuation's own tokens, which are the last ones.
fn last_tokens(tokens: &[(String, Option<f64>)], continuation: &str) -> Result<Measured> {
    let (mut rest, mut sum, mut count) = (continuation, 0.0, 0);
    for (token, log_prob) in tokens.iter().rev() {
        let (Some(before), Some(log_prob)) = (rest.strip_suffix(plain(token).as_str()), log_prob)
        else {
            break;
        };
        (rest, sum, count) = (before, sum + log_prob, count + 1);
        if rest.is_empty() {
            return Ok((sum, count));
        }
    }
    Err(Error::invalid(format!(
        "the tokens that the server gives back do not end with those of `{continuation}`: no token begins where it \
         begins, or it comes first in the text; let it begin with a space, and the prompt not end with one"
    )))
}

/// A token as text: some servers show SentencePiece's sign for a space.
pub(crate) fn plain(token: &str) -> String {
    token.replace('▁', " ")
}

/// The log-probability of all listed spellings of a continuation together, blanks around it aside.
fn spelled(continuation: &str, listed: &[Listed]) -> Option<f64> {
    let same = |(token, _): &&Listed| plain(token).trim() == continuation.trim();
    let values: Vec<f64> = listed.iter().filter(same).map(|(_, v)| *v).collect();
    let top = values.iter().copied().reduce(f64::max)?;
    let sum: f64 = values.iter().map(|v| (v - top).exp()).sum();
    Some((top + sum.ln()).min(0.0))
}

/// A token that is not listed is at most as likely as the last that is. Where the continuation is a single letter or digit,
/// it gets that bound; of anything longer nothing is known.
///
/// # Errors
/// When it is longer: says what to choose.
pub(crate) fn unlisted(continuation: &str, token: &str, listed: &[Listed]) -> Result<f64> {
    let mut characters = continuation.trim().chars();
    if let (Some(_), None) = (characters.next(), characters.next()) {
        let least = listed.iter().map(|(_, v)| *v).reduce(f64::min);
        return Ok(least.unwrap_or(f64::MIN).min(0.0));
    }
    Err(does_not_offer(&format!(
        "the log-probability of `{token}`, which is not among the {} tokens that it lists (setting `top_logprobs`)",
        listed.len()
    )))
}

/// The likeliest listed token, for messages.
fn likeliest(listed: &[Listed]) -> String {
    let top = listed.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    top.map_or_else(String::new, |(token, _)| format!("`{token}`"))
}

/// Names what else may be chosen.
pub(crate) fn does_not_offer(what: &str) -> Error {
    Error::invalid(format!(
        "this server does not offer {what}; choose another of `likelihoods` (`echo`, for instance with vLLM; `next_token` \
         with `top_logprobs` as high as the server lists, for instance llama.cpp; `chat` for `score_digits`), the \
         strategy `score_json`, which needs none, or the language model `local`"
    ))
}
