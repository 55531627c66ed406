//! `run.json`: what was run, with what, and how it ended.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;

/// What is known when a run starts.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The command line, program first.
    pub command: Vec<String>,
    /// `--set KEY=VALUE`, in the order given.
    pub set: Vec<(String, String)>,
    /// `--seed`; seeds that the script chooses are added with `record_in("seeds", …)`.
    pub seed: Option<u64>,
    /// `cpu` or `cuda:N`, see [`crate::device::name`].
    pub device: String,
    /// Threads of libtorch.
    pub threads: usize,
    /// Versions of what is running, such as `libtorch` and `lua`; lapidary's own is added.
    pub versions: Vec<(String, String)>,
    /// Whether nothing is computed.
    pub dry_run: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The script reached its end.
    Done,
    /// It failed; the text is the error's message.
    Failed(String),
    /// The user stopped it; running it again resumes.
    Interrupted,
}

/// The content of `run.json`: single values, then objects that other parts fill.
pub(super) struct Manifest {
    values: Map<String, Value>,
    sections: BTreeMap<String, Map<String, Value>>,
    started: DateTime<Utc>,
}

/// Version of the form; grows when a key goes away or means something else.
pub(super) const FORMAT: u64 = 1;
/// Keys that [`Manifest::record`] leaves alone.
const OWN: [&str; 14] = [
    "format", "outcome", "message", "script", "command", "process", "set", "seed", "dry_run",
    "device", "threads", "started", "ended", "seconds",
];
/// Sections that are there from the start.
const SECTIONS: [&str; 7] = [
    "versions",
    "seeds",
    "components",
    "plugins",
    "datasets",
    "artefacts",
    "checkpoints",
];

impl Manifest {
    pub(super) fn new(script: &Path, text: &[u8], start: Start, started: DateTime<Utc>) -> Self {
        let set: Map<_, _> = (start.set.into_iter())
            .map(|(key, value)| (key, value.into()))
            .collect();
        let values = [
            ("format", json!(FORMAT)),
            ("outcome", json!("running")),
            (
                "script",
                json!({"path": absolute(script), "sha256": Fingerprint::of_bytes(text)}),
            ),
            ("command", json!(start.command)),
            ("process", json!(std::process::id())),
            ("set", set.into()),
            ("seed", json!(start.seed)),
            ("dry_run", json!(start.dry_run)),
            ("device", json!(start.device)),
            ("threads", json!(start.threads)),
            ("started", json!(stamp(started))),
        ];
        let mut sections: BTreeMap<_, _> = SECTIONS
            .map(|name| (name.to_owned(), Map::new()))
            .into_iter()
            .collect();
        let lapidary = ("lapidary".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let versions = std::iter::once(lapidary).chain(start.versions);
        sections
            .entry("versions".to_owned())
            .or_default()
            .extend(versions.map(|(name, version)| (name, version.into())));
        Self {
            values: values
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            sections,
            started,
        }
    }

    /// Notes another text of the script.
    pub(super) fn set_script(&mut self, text: &[u8]) {
        if let Some(script) = self.values.get_mut("script") {
            script["sha256"] = json!(Fingerprint::of_bytes(text));
        }
    }

    pub(super) fn record(&mut self, key: &str, value: Value) -> Result<()> {
        if OWN.contains(&key) || self.sections.contains_key(key) {
            return Err(taken(key));
        }
        self.values.insert(key.to_owned(), value);
        Ok(())
    }

    /// Whether anything changed.
    pub(super) fn record_in(&mut self, section: &str, key: &str, value: Value) -> Result<bool> {
        if self.values.contains_key(section) || OWN.contains(&section) {
            return Err(taken(section));
        }
        let section = self.sections.entry(section.to_owned()).or_default();
        let changed = section.get(key) != Some(&value);
        section.insert(key.to_owned(), value);
        Ok(changed)
    }

    pub(super) fn finish(&mut self, outcome: &Outcome, ended: DateTime<Utc>) {
        let (name, message) = match outcome {
            Outcome::Done => ("done", None),
            Outcome::Failed(message) => ("failed", Some(message)),
            Outcome::Interrupted => ("interrupted", None),
        };
        let seconds = (ended - self.started).num_milliseconds() as f64 / 1000.0;
        let mut set = |key: &str, value: Value| self.values.insert(key.to_owned(), value);
        set("outcome", name.into());
        set("message", json!(message));
        set("ended", stamp(ended).into());
        set("seconds", seconds.into());
    }

    pub(super) fn is_running(&self) -> bool {
        self.values.get("outcome").and_then(Value::as_str) == Some("running")
    }

    pub(super) fn to_text(&self) -> String {
        let mut all = self.values.clone();
        for (name, section) in &self.sections {
            all.insert(name.clone(), section.clone().into());
        }
        format!("{:#}\n", Value::Object(all))
    }
}

fn taken(key: &str) -> Error {
    Error::setting(
        format!("run.json, `{key}`"),
        "the run itself writes this key, or it was recorded in another form: choose another name",
    )
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_path_buf())
        .display()
        .to_string()
}

fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
