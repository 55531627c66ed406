//! Standard error as JSON, an object a line, for programs (`--log json`). `JSON.md` describes the keys.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

static ON: AtomicBool = AtomicBool::new(false);

/// From here on all that is said on standard error is JSON.
pub fn switch_on() {
    ON.store(true, Ordering::Relaxed);
}

/// Whether standard error is JSON.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Writes a line of that event; `more` are its further keys.
pub fn write(level: &str, event: &str, more: Value) {
    let mut line = Map::new();
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    line.insert("time".to_owned(), time.into());
    line.insert("level".to_owned(), level.into());
    line.insert("event".to_owned(), event.into());
    if let Value::Object(more) = more {
        line.extend(more);
    }
    // When standard error is closed, there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", Value::Object(line));
}

/// Logs as lines.
pub struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let about = event.metadata();
        let mut more = json!({"message": said.message, "from": about.target()});
        if !said.fields.is_empty() {
            more["fields"] = Value::Object(said.fields);
        }
        write(&about.level().as_str().to_lowercase(), "log", more);
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            name => drop(self.fields.insert(name.to_owned(), text.into())),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => drop(self.fields.insert(name.to_owned(), value.into())),
        }
    }
}
