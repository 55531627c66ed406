//! Written answers.

use lapidary_sdk::prelude::*;
use serde_json::{Map, Value, json};

use crate::openai::Asking;
use crate::reply::Choice;
use crate::server::{CHAT, COMPLETIONS};
use crate::settings::{Settings, Structured};

/// More stops than these many the API does not take; the text is cut at all of them here.
const STOPS: usize = 4;

/// How an answer is to be written: what [`Ask::Complete`] says.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Most tokens to write.
    pub max_tokens: u32,
    /// Texts that end the answer.
    pub stop: &'a [String],
    /// 0 takes the likeliest token each time.
    pub temperature: f64,
    /// Seed of the choice.
    pub seed: u64,
    /// The answer's form.
    pub schema: Option<&'a Value>,
}

impl Asking<'_> {
    /// Lets the model write.
    ///
    /// # Errors
    /// When the manner makes no sense, or the call fails.
    pub fn complete(&self, prompt: &Prompt, manner: &Manner<'_>) -> Result<String> {
        let settings = &self.server.settings;
        let Manner {
            stop,
            temperature,
            seed,
            ..
        } = *manner;
        if !(temperature.is_finite() && temperature >= 0.0) {
            let text = format!("temperature {temperature} must be 0 or above");
            return Err(Error::invalid(text));
        }
        let limit = manner
            .max_tokens
            .min(settings.max_tokens.unwrap_or(u32::MAX));
        let mut body = fields(json!({ "temperature": temperature }));
        if temperature > 0.0 {
            // Some servers read no more than 31 bits.
            body.insert("seed".to_owned(), (seed & 0x7fff_ffff).into());
        }
        let stops: Vec<&String> = stop.iter().filter(|s| !s.is_empty()).collect();
        if !stops.is_empty() {
            let first: Vec<&&String> = stops.iter().take(STOPS).collect();
            body.insert("stop".to_owned(), json!(first));
        }
        let (path, answer_start) = match prompt {
            Prompt::Text(text) => {
                body.extend(fields(json!({ "prompt": text, "max_tokens": limit })));
                (COMPLETIONS, "")
            }
            Prompt::Chat {
                messages,
                answer_start,
            } => {
                body.extend(chat(messages, answer_start, settings));
                body.insert(settings.limit_field.clone(), limit.into());
                if let Some(form) = manner.schema.and_then(|s| form(settings.structured, s)) {
                    body.insert("response_format".to_owned(), form);
                }
                (CHAT, answer_start.as_str())
            }
        };
        let choice = self.server.call(path, body, limit, self.stop)?.choice();
        let text = written(choice);
        let text = text.strip_prefix(answer_start).unwrap_or(&text);
        let end = stops.iter().filter_map(|s| text.find(s.as_str())).min();
        Ok(text
            .get(..end.unwrap_or(text.len()))
            .unwrap_or(text)
            .to_owned())
    }
}

/// The fields of a call that put a chat to the model.
pub fn chat(messages: &[Message], answer_start: &str, settings: &Settings) -> Map<String, Value> {
    let mut messages = messages.to_vec();
    let message = |role, content: &str| Message {
        role,
        content: content.to_owned(),
    };
    if answer_start.is_empty() {
        return fields(json!({ "messages": messages }));
    }
    if settings.prefill {
        messages.push(message(Role::Assistant, answer_start));
        return fields(json!({
            "messages": messages, "add_generation_prompt": false, "continue_final_message": true
        }));
    }
    match messages.last_mut() {
        Some(last) if last.role == Role::User => {
            last.content = format!("{}\n{answer_start}", last.content);
        }
        _ => messages.push(message(Role::User, answer_start)),
    }
    fields(json!({ "messages": messages }))
}

/// The fields of a JSON object.
pub fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn form(structured: Structured, schema: &Value) -> Option<Value> {
    match structured {
        Structured::JsonSchema => Some(json!({
            "type": "json_schema", "json_schema": { "name": "answer", "strict": true, "schema": schema }
        })),
        Structured::JsonObject => Some(json!({ "type": "json_object", "schema": schema })),
        Structured::None => None,
    }
}

/// The answer's text. That of a model which refuses is its refusal: whoever reads it finds no scores and says so.
fn written(choice: Choice) -> String {
    let message = choice.message.unwrap_or_default();
    let texts = [choice.text, message.content, message.refusal];
    texts.into_iter().flatten().next().unwrap_or_default()
}
