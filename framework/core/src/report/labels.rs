//! What models are called: by the script's comparisons where they name them, else by what they were made of.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::pipeline::{KeptRun, UNFINISHED};
use crate::run::naming;

/// A model's name for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Label {
    /// Its name; no two of a run's models have the same.
    pub text: String,
    /// The way that it is one of several seeds of.
    pub way: String,
    /// The seed of its training.
    pub seed: Option<u64>,
}

/// The labels of a run's models, by fingerprint.
pub(super) struct Labels(BTreeMap<String, Label>);

impl Labels {
    pub fn of(run: &KeptRun) -> Self {
        let record = run.record();
        let named = named_by_comparisons(record);
        let mut labels = BTreeMap::new();
        for (sort, note) in artefacts(record) {
            let (of, label) = match sort {
                "model" => (&note["fingerprint"], of_model(record, note)),
                "evaluation" => (&note["inputs"]["model"], of_ranked(note)),
                _ => continue,
            };
            let Some(of) = of.as_str() else { continue };
            labels.entry(of.to_owned()).or_insert(label);
        }
        for (of, label) in &mut labels {
            if let Some(way) = named.get(of.as_str()) {
                label.way = way.clone();
            }
        }
        Self(told_apart(labels))
    }

    /// The label of a model, or of another scorer.
    pub fn get(&self, fingerprint: &str) -> Label {
        let short = || fingerprint.chars().take(16).collect::<String>();
        self.0.get(fingerprint).cloned().unwrap_or_else(|| Label {
            text: short(),
            way: short(),
            seed: None,
        })
    }

    /// The label of the model whose fingerprint begins as the end of a stage's name tells.
    pub fn of_stage(&self, stage: &str) -> Option<Label> {
        let (_, short) = stage.rsplit_once('-')?;
        let mut found = self.0.iter().filter(|(of, _)| of.starts_with(short));
        let (_, label) = found.next().filter(|_| short.len() == 16)?;
        Some(label.clone())
    }
}

/// The artefacts that a run finished: sort and note.
pub(super) fn artefacts(record: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let notes = record["artefacts"].as_object().into_iter().flatten();
    let finished = notes.filter(|(_, note)| note["how"] != UNFINISHED);
    finished.filter_map(|(key, note)| Some((key.split_once(' ')?.0, note)))
}

/// The first way that has a model's evaluation, by the model's fingerprint.
fn named_by_comparisons(record: &Value) -> BTreeMap<&str, String> {
    let models: BTreeMap<&str, &str> = artefacts(record)
        .filter(|(sort, _)| *sort == "evaluation")
        .filter_map(|(_, n)| Some((n["fingerprint"].as_str()?, n["inputs"]["model"].as_str()?)))
        .collect();
    let mut named = BTreeMap::new();
    let comparisons = record["comparisons"].as_object().into_iter().flatten();
    let ways = comparisons.flat_map(|(_, note)| note["ways"].as_array().into_iter().flatten());
    for way in ways {
        let Some(name) = way["name"].as_str() else {
            continue;
        };
        let evaluations = way["evaluations"].as_array().into_iter().flatten();
        for model in evaluations.filter_map(|e| models.get(e.as_str()?)) {
            named.entry(*model).or_insert_with(|| name.to_owned());
        }
    }
    named
}

fn of_model(record: &Value, note: &Value) -> Label {
    let inputs = &note["inputs"];
    let way = naming::of_model(&record["artefacts"], inputs).unwrap_or_else(|| "model".to_owned());
    Label {
        text: String::new(),
        way,
        seed: inputs["training"]["seed"].as_u64(),
    }
}

/// What was ranked without a model.
fn of_ranked(note: &Value) -> Label {
    let inputs = &note["inputs"];
    let short = || {
        inputs["model"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .take(16)
            .collect()
    };
    Label {
        text: String::new(),
        way: inputs["baseline"]
            .as_str()
            .map_or_else(short, str::to_owned),
        seed: None,
    }
}

/// Gives each its own text: the way, its seed where the way has several models, the fingerprint where that is not enough.
fn told_apart(mut labels: BTreeMap<String, Label>) -> BTreeMap<String, Label> {
    let count = |of: &dyn Fn(&Label) -> bool, all: &BTreeMap<String, Label>| {
        all.values().filter(|label| of(label)).count()
    };
    let ways = labels.clone();
    for label in labels.values_mut() {
        let several = count(&|other| other.way == label.way, &ways) > 1;
        label.text = match label.seed {
            Some(seed) if several => format!("{}, seed {seed}", label.way),
            _ => label.way.clone(),
        };
    }
    let texts = labels.clone();
    for (of, label) in &mut labels {
        if count(&|other| other.text == label.text, &texts) > 1 {
            let digits: String = of.chars().take(6).collect();
            label.text = format!("{} ({digits})", label.text);
        }
    }
    labels
}
