//! Likelihoods from lists of the likeliest next tokens.
//!
//! Into how many tokens a continuation is cut the server tells when it reads prompt and continuation together; into which,
//! it does not. Of all ways to cut it into that many listed tokens the likeliest is the right one: a model is trained on
//! texts cut in one way, and finds tokens that never follow each other there very unlikely.

use std::collections::{HashMap, HashSet};

use lapidary_sdk::prelude::*;
use serde_json::json;

use crate::complete::fields;
use crate::likelihood::{Measured, does_not_offer, plain, unlisted};
use crate::openai::Asking;
use crate::reply::Listed;
use crate::server::COMPLETIONS;

/// How many tokens a text has, and what may come next.
type Next = (u64, Vec<Listed>);

/// What may come after a prompt and beginnings of its continuations.
struct Lists<'a> {
    asking: &'a Asking<'a>,
    prompt: &'a str,
    after: HashMap<String, Next>,
    /// Tokens of the prompt.
    base: u64,
}

/// The first tokens of a continuation: how likely they are together, and where each ends.
#[derive(Clone, Default)]
struct Path {
    log_prob: f64,
    ends: Vec<usize>,
}

impl Asking<'_> {
    /// Measures continuations by lists of the likeliest next tokens.
    pub(crate) fn by_next_tokens(
        &self,
        prompt: &str,
        continuations: &[String],
    ) -> Result<Vec<Measured>> {
        let first = self.next_tokens(prompt)?;
        let mut lists = Lists {
            asking: self,
            prompt,
            base: first.0,
            after: HashMap::from([(String::new(), first)]),
        };
        let measure = |continuation: &String| lists.measure(continuation);
        continuations.iter().map(measure).collect()
    }

    fn next_tokens(&self, text: &str) -> Result<Next> {
        let listed = self.server.settings.top_logprobs;
        let body = json!({ "prompt": text, "logprobs": listed, "max_tokens": 1, "temperature": 0 });
        let reply = self.one_token(COMPLETIONS, fields(body))?;
        let tokens = reply
            .prompt_tokens()
            .ok_or_else(|| does_not_offer("the number of tokens it read (`usage`)"))?;
        let listed = reply.choice().logprobs.unwrap_or_default().first_tokens();
        Ok((tokens, listed))
    }
}

impl Lists<'_> {
    fn measure(&mut self, continuation: &str) -> Result<Measured> {
        let tokens = self.tokens(continuation)?;
        let (mut before, mut sum) = (String::new(), 0.0);
        for (token, count) in tokens.iter().zip(0..) {
            let Some(listed) = self.after(&before, count)? else {
                return Err(not_cut(continuation));
            };
            let own = listed.iter().find(|(text, _)| plain(text) == *token);
            sum += match own {
                Some((_, log_prob)) => *log_prob,
                None => unlisted(continuation, token, listed)?,
            };
            before.push_str(token);
        }
        Ok((sum, tokens.len() as u32))
    }

    /// The tokens of a continuation. One that begins with a space is cut alike after all prompts that do not end with one.
    fn tokens(&mut self, continuation: &str) -> Result<Vec<String>> {
        let alike = continuation.starts_with(' ') && !self.prompt.ends_with(char::is_whitespace);
        let learned = &self.asking.learned;
        if let Some(known) = learned.tokens(continuation).filter(|_| alike) {
            return Ok(known);
        }
        let (all, _) = self
            .asking
            .next_tokens(&format!("{}{continuation}", self.prompt))?;
        let tokens = self.cut(continuation, all.saturating_sub(self.base) as usize)?;
        if alike {
            learned.keep_tokens(continuation, &tokens);
        }
        Ok(tokens)
    }

    /// Cuts a continuation into that many tokens.
    fn cut(&mut self, continuation: &str, wanted: usize) -> Result<Vec<String>> {
        let blanks = continuation.len() - continuation.trim_start().len();
        let single = continuation.trim_start().chars().count() == 1;
        let ends = match wanted {
            1 => vec![continuation.len()],
            2 if single && blanks > 0 => vec![blanks, continuation.len()],
            _ => self.likeliest_cut(continuation, wanted)?,
        };
        let starts = [0].iter().chain(&ends);
        let pieces = starts
            .zip(&ends)
            .filter_map(|(&a, &b)| continuation.get(a..b));
        Ok(pieces.map(str::to_owned).collect())
    }

    /// Where the tokens of the likeliest way to cut a continuation end. Goes on from the likeliest beginning each time, so
    /// the first that reaches the end is the likeliest of all.
    fn likeliest_cut(&mut self, continuation: &str, wanted: usize) -> Result<Vec<usize>> {
        let (mut open, mut seen) = (vec![Path::default()], HashSet::new());
        while let Some(best) = likeliest(&mut open) {
            let (start, count) = (best.ends.last().copied().unwrap_or(0), best.ends.len());
            let (before, rest) = continuation.split_at(start);
            if rest.is_empty() {
                return Ok(best.ends);
            }
            if !seen.insert((start, count)) {
                continue;
            }
            // Where the server cuts this beginning otherwise, it is none of the continuation's.
            let Some(listed) = self.after(before, count as u32)? else {
                continue;
            };
            for (token, log_prob) in listed {
                let token = plain(token);
                let last = count + 1 == wanted;
                if !token.is_empty() && rest.starts_with(&token) && (token == rest) == last {
                    let mut path = best.clone();
                    path.log_prob += log_prob;
                    path.ends.push(start + token.len());
                    open.push(path);
                }
            }
        }
        Err(not_cut(continuation))
    }

    /// The list after the prompt and the beginning of a continuation; none where the beginning is not `count` tokens.
    fn after(&mut self, beginning: &str, count: u32) -> Result<Option<&[Listed]>> {
        if !self.after.contains_key(beginning) {
            let text = format!("{}{beginning}", self.prompt);
            let next = self.asking.next_tokens(&text)?;
            self.after.insert(beginning.to_owned(), next);
        }
        match self.after.get(beginning) {
            Some((_, listed)) if listed.is_empty() => Err(does_not_offer(
                "log-probabilities of next tokens, or none where the model would end the text",
            )),
            Some((tokens, listed)) => {
                Ok((*tokens == self.base + u64::from(count)).then_some(listed))
            }
            None => Ok(None),
        }
    }
}

/// Takes out the likeliest.
fn likeliest(open: &mut Vec<Path>) -> Option<Path> {
    let all = open.iter().enumerate();
    let best = all.max_by(|a, b| a.1.log_prob.total_cmp(&b.1.log_prob))?.0;
    Some(open.swap_remove(best))
}

fn not_cut(continuation: &str) -> Error {
    does_not_offer(&format!(
        "the log-probability of every token of `{continuation}`: one of them is not listed (setting `top_logprobs`)"
    ))
}
