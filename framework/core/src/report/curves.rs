//! Curves: what `metrics.jsonl` holds, and of models that were loaded, what was kept of their training.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::labels::{Label, Labels, artefacts};
use super::sources::Sources;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::pipeline::KeptRun;
use crate::train::{EpochRecord, History};

/// The curves of one stage.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// The stage's name in `metrics.jsonl`.
    pub stage: String,
    /// The model that was trained; of another stage, its name.
    #[serde(flatten)]
    pub label: Label,
    /// What is counted along the curve.
    pub unit: Unit,
    /// One line a value.
    pub lines: Vec<Line>,
}

/// What is counted along a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Epochs.
    Epoch,
    /// Steps.
    Step,
}

/// One value along a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The value's name, such as `loss`.
    pub name: String,
    /// Places and values, places rising.
    pub points: Vec<(u64, f64)>,
}

/// A line of `metrics.jsonl`.
#[derive(Debug, Deserialize)]
pub(super) struct Note {
    pub stage: String,
    epoch: Option<u64>,
    step: Option<u64>,
    pub values: Map<String, Value>,
}

impl Note {
    /// Whether it is of the end of a stage.
    pub fn is_end(&self) -> bool {
        self.epoch.is_none() && self.step.is_none()
    }
}

/// All lines of `metrics.jsonl`. A last line that was cut, as by a full disk, is left out.
pub(super) fn notes(run: &KeptRun) -> Result<Vec<Note>> {
    let path = run.folder().join("metrics.jsonl");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(Error::io(&path))?,
    };
    let mut notes = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(note) => notes.push(note),
            Err(_) if !line.ends_with('\n') => {}
            Err(error) => {
                let reason =
                    format!("no line of metrics: {error}; this file was changed or is damaged");
                return Err(Error::data(path, Some(number as u64 + 1), reason));
            }
        }
    }
    Ok(notes)
}

/// Curves of all stages, first in the order of `metrics.jsonl`, then those of models that were loaded.
pub(super) fn gather(
    sources: &mut Sources<'_>,
    notes: &[Note],
    labels: &Labels,
) -> Result<Vec<Curve>> {
    let mut stages: Vec<(&str, Gathered)> = Vec::new();
    for note in notes.iter().filter(|note| !note.is_end()) {
        let known = stages.iter().position(|(stage, _)| *stage == note.stage);
        let place = known.unwrap_or_else(|| {
            stages.push((&note.stage, Gathered::default()));
            stages.len() - 1
        });
        stages[place].1.add(note);
    }
    let mut curves: Vec<Curve> = (stages.into_iter())
        .map(|(stage, gathered)| gathered.curve(stage, labels))
        .collect();
    let record = sources.run.record();
    for (_, note) in artefacts(record).filter(|(sort, _)| *sort == "model") {
        let Ok(fingerprint) = Fingerprint::deserialize(&note["fingerprint"]) else {
            continue;
        };
        if curves
            .iter()
            .any(|c| c.stage.ends_with(fingerprint.short()))
        {
            continue;
        }
        let label = labels.get(fingerprint.as_str());
        let what = format!("curves of {}", label.text);
        let content = sources.artefact(&what, "model", &fingerprint)?;
        let read = content.and_then(|c| History::deserialize(&c.json["history"]).ok());
        curves.extend(read.map(|history| of_history(&fingerprint, label, &history)));
    }
    Ok(curves)
}

/// What is known of a stage; of a place that was noted twice, the last counts.
#[derive(Default)]
struct Gathered {
    steps: bool,
    order: Vec<String>,
    lines: BTreeMap<String, BTreeMap<u64, f64>>,
}

impl Gathered {
    fn add(&mut self, note: &Note) {
        self.steps |= note.epoch.is_none();
        let at = note.epoch.or(note.step).unwrap_or_default();
        for (name, value) in &note.values {
            let Some(value) = value.as_f64() else {
                continue;
            };
            if !self.lines.contains_key(name) {
                self.order.push(name.clone());
            }
            self.lines
                .entry(name.clone())
                .or_default()
                .insert(at, value);
        }
    }

    fn curve(mut self, stage: &str, labels: &Labels) -> Curve {
        let own = || Label {
            text: stage.to_owned(),
            way: stage.to_owned(),
            seed: None,
        };
        let lines = self.order.into_iter().map(|name| {
            let points = self.lines.remove(&name).unwrap_or_default();
            Line {
                points: points.into_iter().collect(),
                name,
            }
        });
        Curve {
            lines: lines.collect(),
            stage: stage.to_owned(),
            label: labels.of_stage(stage).unwrap_or_else(own),
            unit: match self.steps {
                true => Unit::Step,
                false => Unit::Epoch,
            },
        }
    }
}

fn of_history(fingerprint: &Fingerprint, label: Label, history: &History) -> Curve {
    let line = |name: &str, value: &dyn Fn(&EpochRecord) -> Option<f64>| Line {
        name: name.to_owned(),
        points: (history.epochs.iter())
            .filter_map(|epoch| Some((u64::from(epoch.epoch), value(epoch)?)))
            .filter(|(_, value)| value.is_finite())
            .collect(),
    };
    let mut lines = vec![
        line("loss", &|epoch| Some(epoch.loss)),
        line("learning_rate", &|epoch| Some(epoch.learning_rate)),
        line("train_seconds", &|epoch| Some(epoch.train_seconds)),
        line("validation_seconds", &|epoch| {
            Some(epoch.validation_seconds)
        }),
    ];
    let mut metrics = Vec::new();
    for (metric, _) in history.epochs.iter().flat_map(|epoch| &epoch.validation) {
        if !metrics.contains(metric) {
            metrics.push(*metric);
        }
    }
    lines.extend(metrics.iter().map(|metric| {
        line(&metric.to_string(), &|epoch| {
            let mut found = epoch.validation.iter().filter(|(m, _)| m == metric);
            found.next().map(|(_, value)| *value)
        })
    }));
    Curve {
        stage: format!("model-{}", fingerprint.short()),
        label,
        unit: Unit::Epoch,
        lines,
    }
}
