//! A language model of a few tokens: what comes next depends on all of the text before, by a hash.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};

use super::Call;

const TOKENS: [&str; 28] = [
    " story", " music", " st", "ory", "line", " dark", " humor", " ", "0", "1", "2", "3", "4", "5",
    "6", "7", "8", "9", ",", ".", " is", " its", " best", " plot", " scare", "s", " sc", "ares",
];
/// Of what is no token, each character counts as one of this log-probability.
const STRANGE: f64 = -20.0;

/// The text as tokens, longest first but for one word that is cut in its own way, as byte-pair encoding does.
pub fn tokens(text: &str) -> Vec<String> {
    let (mut rest, mut tokens) = (text, Vec::new());
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(" scares") {
            tokens.extend([" sc".to_owned(), "ares".to_owned()]);
            rest = after;
            continue;
        }
        let fitting = TOKENS.iter().filter(|t| rest.starts_with(**t));
        let length = fitting.map(|t| t.len()).max().unwrap_or(first.len_utf8());
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after;
    }
    tokens
}

/// All tokens and their log-probabilities after a text, likeliest first. What no text has, the model finds unlikely.
pub fn next(text: &str) -> Vec<(String, f64)> {
    let weight = |token: &str| {
        if text.ends_with(" scare") && token == "s" {
            return -20.0;
        }
        let mut hasher = DefaultHasher::new();
        (text, token).hash(&mut hasher);
        (hasher.finish() % 8000) as f64 / 1000.0
    };
    let sum: f64 = TOKENS.iter().map(|t| weight(t).exp()).sum();
    let mut all: Vec<_> = TOKENS
        .iter()
        .map(|t| ((*t).to_owned(), weight(t) - sum.ln()))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

fn of(text: &str, token: &str) -> f64 {
    let known = next(text).into_iter().find(|(t, _)| t == token);
    known.map_or(STRANGE, |(_, log_prob)| log_prob)
}

/// The sum of a continuation's log-probabilities, and how many tokens it has.
pub fn measure(prompt: &str, continuation: &str) -> (f64, u32) {
    let (mut text, mut sum, mut count) = (prompt.to_owned(), 0.0, 0);
    for token in tokens(continuation) {
        sum += of(&text, &token);
        text.push_str(&token);
        count += 1;
    }
    (sum, count)
}

/// What the model writes, likeliest token after likeliest token.
pub fn write(text: &str, max_tokens: u64) -> String {
    let mut all = text.to_owned();
    for _ in 0..max_tokens {
        let (token, _) = next(&all).remove(0);
        all.push_str(&token);
    }
    all.split_off(text.len())
}

/// A chat as the model reads it.
pub fn template(messages: &Value) -> String {
    let messages = messages.as_array().unwrap().iter();
    let lines = messages.map(|m| {
        let part = |name: &str| m[name].as_str().unwrap().to_owned();
        format!("{}: {}\n", part("role"), part("content"))
    });
    format!("{}assistant:", lines.collect::<String>())
}

/// The reply to a call. `/completions` knows `echo`; lists hold as many tokens as were asked for.
pub fn reply(call: &Call) -> Value {
    let body = &call.body;
    let chat = call.path.ends_with("/chat/completions");
    let prompt = match chat {
        true => template(&body["messages"]),
        false => body["prompt"].as_str().unwrap().to_owned(),
    };
    let read = tokens(&prompt);
    let limit = body["max_tokens"].as_u64().unwrap_or(16);
    let written = write(&prompt, limit);
    let usage = json!({
        "prompt_tokens": read.len(), "completion_tokens": limit, "total_tokens": read.len() as u64 + limit
    });
    let choice = match chat {
        true => json!({
            "message": { "role": "assistant", "content": written }, "logprobs": chat_log_probs(&prompt, body)
        }),
        false => completion(&prompt, &written, body),
    };
    json!({ "object": "text", "choices": [choice], "usage": usage })
}

fn completion(prompt: &str, written: &str, body: &Value) -> Value {
    let echo = body["echo"] == true;
    let text = match echo {
        true => format!("{prompt}{written}"),
        false => written.to_owned(),
    };
    let Some(listed) = body["logprobs"].as_u64() else {
        return json!({ "text": text, "logprobs": null });
    };
    let mut before = if echo {
        String::new()
    } else {
        prompt.to_owned()
    };
    let (mut values, mut top) = (Vec::new(), Vec::new());
    let shown: Vec<String> = match echo {
        true => [tokens(prompt), tokens(written)].concat(),
        false => tokens(written),
    };
    for token in &shown {
        values.push((!before.is_empty()).then(|| of(&before, token)));
        let list: Map<_, _> = next(&before)
            .into_iter()
            .take(listed as usize)
            .map(|(t, v)| (t, v.into()))
            .collect();
        top.push(list);
        before.push_str(token);
    }
    json!({
        "text": text, "logprobs": { "tokens": shown, "token_logprobs": values, "top_logprobs": top }
    })
}

fn chat_log_probs(prompt: &str, body: &Value) -> Value {
    if body["logprobs"] != true {
        return Value::Null;
    }
    let listed = body["top_logprobs"].as_u64().unwrap() as usize;
    let all = next(prompt);
    let place = |(token, log_prob): &(String, f64)| json!({ "token": token, "logprob": log_prob, "bytes": null });
    let top: Vec<_> = all.iter().take(listed).map(place).collect();
    let mut first = place(&all[0]);
    first["top_logprobs"] = top.into();
    json!({ "content": [first] })
}
