//! The figures with which a run ended, under names that runs of one script share.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::naming;
use super::record::Record;
use crate::error::{Error, Result};

/// A figure of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What was measured: cases and model of an evaluation, such as `test refined sasrec`, or the name of a script's note.
    pub of: String,
    /// The metric, such as `ndcg@10`.
    pub metric: String,
    /// Its value; NaN where it was not finite.
    pub value: f64,
}

impl Figure {
    /// `test refined sasrec ndcg@10`
    pub fn name(&self) -> String {
        format!("{} {}", self.of, self.metric)
    }
}

#[derive(Deserialize)]
struct Line {
    stage: String,
    epoch: Option<u64>,
    step: Option<u64>,
    values: Map<String, Value>,
}

impl Record {
    /// The figures of evaluations and of the script's own notes, in the order in which they came; a later one of the same
    /// name stands for an earlier one. Points of curves are none. Lines that cannot be read are passed over, as the last
    /// one of a run that was killed.
    ///
    /// # Errors
    /// [`Error::Io`] when `metrics.jsonl` is there and cannot be read.
    pub fn figures(&self) -> Result<Vec<Figure>> {
        let path = self.folder().join("metrics.jsonl");
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io(path)(e)),
        };
        let mut stages: Vec<(String, Map<String, Value>)> = Vec::new();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        for line in lines.filter(|line: &Line| line.epoch.is_none() && line.step.is_none()) {
            match stages.iter_mut().find(|(stage, _)| *stage == line.stage) {
                Some((_, values)) => values.extend(line.values),
                None => stages.push((line.stage, line.values)),
            }
        }
        let names = numbered(
            stages
                .iter()
                .map(|(stage, _)| self.measured(stage))
                .collect(),
        );
        let figures = names.into_iter().zip(stages).flat_map(|(of, (_, values))| {
            let figure = move |(metric, value): (String, Value)| Figure {
                of: of.clone(),
                metric,
                value: value.as_f64().unwrap_or(f64::NAN),
            };
            values.into_iter().map(figure)
        });
        Ok(figures.collect())
    }

    /// What a stage measured, without the fingerprint, which differs from run to run.
    fn measured(&self, stage: &str) -> String {
        let told = stage
            .strip_prefix("evaluation-")
            .and_then(|rest| rest.rsplit_once('-'));
        let Some((cases, short)) = told else {
            return stage.to_owned();
        };
        let cases = cases.replace("-among-", " among ");
        match self.model(short) {
            Some(model) => format!("{cases} {model}"),
            None => cases,
        }
    }

    /// What a model is, by the beginning of its fingerprint.
    fn model(&self, short: &str) -> Option<String> {
        if let Some(name) = self.baseline(short) {
            return Some(name.to_owned());
        }
        let artefacts = self.get("artefacts");
        let inputs = |sort: &str| &artefacts[format!("{sort} {short}")]["inputs"];
        if let Some(name) = inputs("base")["base_embedder"].as_str() {
            return Some(name.to_owned());
        }
        naming::of_model(artefacts, inputs("model"))
    }
}

impl Record {
    /// The baseline of an evaluation's note, by the beginning of its fingerprint.
    fn baseline(&self, short: &str) -> Option<&str> {
        let notes = self.section("artefacts").map(|(_, note)| &note["inputs"]);
        let of_baselines = notes.filter_map(|inputs| Some((inputs, inputs["baseline"].as_str()?)));
        let mut found = of_baselines.filter(|(inputs, _)| {
            let of = inputs["model"].as_str();
            of.is_some_and(|of| of.starts_with(short))
        });
        found.next().map(|(_, name)| name)
    }
}

/// Numbers names that stand several times: a script may train a model with several seeds.
fn numbered(names: Vec<String>) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for name in &names {
        *counts.entry(name.clone()).or_default() += 1;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    let number = |name: String| {
        let nth = seen.entry(name.clone()).or_default();
        *nth += 1;
        match counts.get(&name) {
            Some(1) => name,
            _ => format!("{name} {nth}"),
        }
    };
    names.into_iter().map(number).collect()
}
