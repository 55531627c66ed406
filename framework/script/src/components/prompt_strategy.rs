//! Prompt strategies in Lua: requests and answers as flat tables.

use std::rc::Rc;

use lapidary_core::settings;
use lapidary_sdk::kinds::prompt_strategy::ProblemKind;
use lapidary_sdk::kinds::{
    Answer, Ask, Message, Problem, Prompt, PromptStrategy, PromptStrategyContext, Reading, Request,
    Subject,
};
use lapidary_sdk::{Error, Result, State, Stateful};
use mlua::{Table, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tch::{Device, Tensor};

use super::instance::{Argument, Instance, Source};
use crate::convert::settings_of;

struct LuaStrategy(Instance);

pub(super) fn create(
    source: &Rc<Source>,
    settings: &Json,
    context: &PromptStrategyContext,
) -> Result<Box<dyn PromptStrategy>> {
    let context = json!(context.attributes);
    let instance = Instance::create(source, settings, &context, Device::Cpu)?;
    Ok(Box::new(LuaStrategy(instance)))
}

/// A request as Lua writes it: with `continuations` it asks how likely they are, with `max_tokens` for an answer.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Flat {
    prompt: Text,
    answer_start: String,
    continuations: Option<Vec<String>>,
    max_tokens: Option<u32>,
    stop: Vec<String>,
    temperature: f64,
    seed: u64,
    schema: Option<Json>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Chat(Vec<Message>),
}

impl Default for Text {
    fn default() -> Self {
        Self::Plain(String::new())
    }
}

impl TryFrom<Flat> for Request {
    type Error = String;

    fn try_from(flat: Flat) -> std::result::Result<Self, String> {
        let prompt = match flat.prompt {
            Text::Plain(text) if text.is_empty() => {
                return Err(
                    "`prompt` is missing: a text, or a list of messages with `role` and `content`"
                        .to_owned(),
                );
            }
            Text::Plain(text) => Prompt::Text(text),
            Text::Chat(messages) => Prompt::Chat {
                messages,
                answer_start: flat.answer_start,
            },
        };
        let ask = match (flat.continuations, flat.max_tokens) {
            (Some(continuations), None) => Ask::Likelihood { continuations },
            (None, Some(max_tokens)) => Ask::Complete {
                max_tokens,
                stop: flat.stop,
                temperature: flat.temperature,
                seed: flat.seed,
                schema: flat.schema,
            },
            _ => {
                return Err("give either `continuations`, whose likelihoods are asked for, or `max_tokens` of an answer".to_owned());
            }
        };
        Ok(Self { prompt, ask })
    }
}

/// An answer as Lua sees it.
fn flat_answer(answer: &Answer) -> Json {
    match answer {
        Answer::Likelihood { log_probs, tokens } => {
            json!({"log_probs": log_probs, "tokens": tokens})
        }
        Answer::Text(text) => json!({"text": text}),
    }
}

impl LuaStrategy {
    fn ask(&self, function: &str, subject: &Subject) -> Result<Vec<Request>> {
        let Self(instance) = self;
        let arguments = [Argument::Json(json!(subject))];
        let Value::Table(list) = instance.call(function, &arguments)? else {
            return Err(instance.error(format!("`{function}` must return a list of requests")));
        };
        let mut requests = Vec::new();
        for request in list.sequence_values::<Table>() {
            let place = format!("`{function}`, request {}", requests.len() + 1);
            let wrong = |reason: String| instance.error(reason);
            let read = || {
                let table = request.map_err(|e| e.to_string())?;
                let json = settings_of(Some(&table), &place).map_err(|e| e.to_string())?;
                let flat: Flat = settings::read(json, &place).map_err(|e| e.to_string())?;
                Request::try_from(flat).map_err(|reason| format!("{place}: {reason}"))
            };
            requests.push(read().map_err(wrong)?);
        }
        Ok(requests)
    }

    fn reading(&self, table: &Table) -> mlua::Result<Reading> {
        let list = match table.raw_get("values")? {
            Value::Table(values) => values,
            _ => table.clone(),
        };
        let values = list.sequence_values::<f64>();
        let values = values.map(|v| v.map(|v| v.is_finite().then_some(v as f32)));
        let problems = match table.raw_get("problems")? {
            Value::Table(problems) => problems
                .sequence_values::<String>()
                .collect::<mlua::Result<Vec<_>>>()?,
            _ => Vec::new(),
        };
        let problem = |text| Problem {
            kind: ProblemKind::Other,
            attribute: None,
            text,
        };
        Ok(Reading {
            values: values.collect::<mlua::Result<_>>()?,
            repaired: table.raw_get::<Option<bool>>("repaired")?.unwrap_or(false),
            problems: problems.into_iter().map(problem).collect(),
        })
    }

    fn with_tensors(&self, function: &str, one: &Tensor, two: &Tensor) -> Result<Tensor> {
        let Self(instance) = self;
        let arguments = [Argument::Tensor(one), Argument::Tensor(two)];
        instance.tensor(function, &instance.call(function, &arguments)?)
    }
}

impl PromptStrategy for LuaStrategy {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        self.ask("requests", subject)
    }

    fn read(&self, subject: &Subject, answers: &[Answer]) -> Result<Reading> {
        let Self(instance) = self;
        let answers = answers.iter().map(flat_answer).collect();
        let arguments = [
            Argument::Json(json!(subject)),
            Argument::Json(Json::Array(answers)),
        ];
        let wrong = |_| {
            let reason = "`read` must return a list of numbers, NaN for what could not be read; or a table with that list as `values`, and `repaired` and `problems` (a list of texts)";
            instance.error(reason)
        };
        match instance.call("read", &arguments)? {
            Value::Table(table) => self.reading(&table).map_err(wrong),
            other => Err(wrong(mlua::Error::runtime(other.type_name()))),
        }
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        self.with_tensors("calibrate", raw, reference)
    }

    fn measure(&self, log_probs: &Tensor, tokens: &Tensor) -> Result<Tensor> {
        self.with_tensors("measure", log_probs, tokens)
    }

    fn own_text(&self, subject: &Subject) -> Result<Vec<Request>> {
        self.ask("own_text", subject)
    }
}

impl Stateful for LuaStrategy {
    fn save(&self) -> Result<State> {
        Ok(State::default())
    }

    fn load(&mut self, state: &State) -> Result<()> {
        match state.tensors.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid("it has no state to load")),
        }
    }
}
