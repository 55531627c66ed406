//! What is told of every run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lapidary_core::run::{Figure, Record};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::words;

/// A run at a glance, in JSON.
#[derive(Serialize)]
pub struct Summary<'a> {
    name: String,
    folder: PathBuf,
    outcome: &'static str,
    message: Option<&'a str>,
    script: Option<&'a Path>,
    started: &'a str,
    seconds: Option<f64>,
    dry_run: bool,
    device: &'a str,
    seed: Option<u64>,
    sweep: Option<&'a str>,
    set: BTreeMap<&'a str, &'a Value>,
    settings: BTreeMap<&'a str, &'a Value>,
    metrics: Vec<Measured>,
}

/// A figure, in JSON.
#[derive(Serialize)]
pub struct Measured {
    of: String,
    metric: String,
    value: Option<f64>,
}

impl<'a> Summary<'a> {
    /// Of a run.
    pub fn of(run: &'a Record) -> Result<Self, Failure> {
        let folder = run.folder();
        Ok(Self {
            name: run.name(),
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()),
            outcome: run.state().name(),
            message: run.message(),
            script: run.script(),
            started: run.started(),
            seconds: run.seconds(),
            dry_run: run.is_dry(),
            device: run.device(),
            seed: run.seed(),
            sweep: run.get("sweep").as_str(),
            set: run.section("set").collect(),
            settings: run.settings(),
            metrics: run.figures()?.into_iter().map(Measured::of).collect(),
        })
    }
}

impl Measured {
    fn of(figure: Figure) -> Self {
        Self {
            of: figure.of,
            metric: figure.metric,
            value: finite(figure.value),
        }
    }
}

/// JSON knows finite numbers only.
pub fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// `done`, `running`, … and whether it was a dry run.
pub fn outcome(run: &Record) -> String {
    let dry = if run.is_dry() { ", dry" } else { "" };
    format!("{}{dry}", run.state().name())
}

/// `2026-01-31 17:45`, in UTC.
pub fn started(run: &Record) -> String {
    let text = run.started();
    text.get(..16).unwrap_or(text).replace('T', " ")
}

/// How long something took; nothing where that is not known.
pub fn took(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, words::duration)
}

/// How the command line set the run up: `dim=64 epochs=5, seed 3, cuda:0`; the CPU is not named.
pub fn set_up(run: &Record) -> String {
    let set: Vec<String> = run
        .section("set")
        .map(|(key, value)| format!("{key}={}", plain(value)))
        .collect();
    let mut parts = Vec::new();
    if !set.is_empty() {
        parts.push(set.join(" "));
    }
    parts.extend(run.seed().map(|seed| format!("seed {seed}")));
    parts.extend((run.device() != "cpu").then(|| run.device().to_owned()));
    parts.join(", ")
}

/// A value without quotes; nothing for null.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(|v| !v.is_array() && !v.is_object()) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}

/// A figure with four decimals; small numbers with four digits, whole ones as they are.
pub fn number(value: f64) -> String {
    match value {
        v if !v.is_finite() => "—".to_owned(),
        v if v == v.trunc() && v.abs() < 1e15 && v != 0.0 => format!("{v}"),
        v if v != 0.0 && v.abs() < 0.001 => format!("{v:.3e}"),
        v => format!("{v:.4}"),
    }
}

/// `3.4 MB`
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// The run and its summary's place in JSON where it cannot be read.
pub fn unreadable(name: &str, folder: &Path, error: &lapidary_core::Error) -> Value {
    json!({"name": name, "folder": folder, "code": error.code(), "message": error.to_string()})
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_well() {
        assert_eq!(took(Some(0.42)), "0.4 s");
        assert_eq!(took(Some(9.97)), "10 s");
        assert_eq!(took(Some(200.0)), "3 min 20 s");
        assert_eq!(took(Some(7500.0)), "2 h 5 min");
        assert_eq!(took(None), "");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1500), "1.5 kB");
        assert_eq!(size(999_960), "1.0 MB");
    }

    #[test]
    fn figures_keep_what_matters() {
        assert_eq!(number(0.12345), "0.1235");
        assert_eq!(number(0.000_012_345), "1.234e-5");
        assert_eq!(number(40.0), "40");
        assert_eq!(number(0.0), "0.0000");
        assert_eq!(number(f64::NAN), "—");
    }
}
