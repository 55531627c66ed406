//! The models of a finished run, opened again from what `run.json` and the store hold.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapidary_sdk::Kind;
use lapidary_sdk::kinds::BackboneContext;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tch::Device;

use super::Recommender;
use super::train::load;
use crate::artefact::{Store, read_json};
use crate::data::{Dataset, Split, find_stored, leave_one_out, temporal};
use crate::device;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::guidance::GuidedScores;
use crate::plugin::Registry;

/// A run's folder, read.
#[derive(Debug)]
pub struct KeptRun {
    file: PathBuf,
    record: Value,
}

/// A model that a run trained or loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptModel {
    /// Names it.
    pub fingerprint: Fingerprint,
    /// Its backbone.
    pub backbone: String,
    /// Whether its scores have parts by attribute.
    pub has_attributes: bool,
    guided: Option<Fingerprint>,
    inputs: ModelInputs,
}

/// A model and what it was trained on.
pub struct Reopened {
    /// The data set.
    pub data: Dataset,
    /// Its split.
    pub split: Split,
    /// The model.
    pub recommender: Recommender,
}

#[derive(Deserialize)]
struct Note<T> {
    fingerprint: Fingerprint,
    inputs: T,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct ModelInputs {
    split: Fingerprint,
    start: Fingerprint,
    dim: i64,
    backbone: String,
    settings: Value,
}

#[derive(Deserialize)]
struct RefinedInputs {
    guided: Option<Fingerprint>,
}

#[derive(Deserialize)]
struct SplitNote {
    dataset: String,
    kind: String,
    settings: Value,
}

#[derive(Deserialize)]
struct DatasetNote {
    fingerprint: Fingerprint,
}

impl KeptRun {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`Error::Data`] when it is none, or one of a dry run; [`Error::Damaged`] when `run.json` cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("run.json");
        if !file.is_file() {
            let reason = "no run.json in it; name the folder of a run, such as runs/quickstart-20260131-174502";
            return Err(Error::data(folder, None, reason));
        }
        let record: Value = read_json(&file)?;
        if record["dry_run"] == true {
            let reason =
                "this was a dry run: nothing was trained; run the script without --dry-run";
            return Err(Error::data(file, None, reason));
        }
        Ok(Self { file, record })
    }

    /// The run's models, in the order of the script.
    ///
    /// # Errors
    /// [`Error::Data`] when `run.json` tells too little of one.
    pub fn models(&self) -> Result<Vec<KeptModel>> {
        let artefacts = self.record["artefacts"].as_object();
        let keys = artefacts.into_iter().flat_map(|notes| notes.keys());
        let models = keys.filter(|key| key.starts_with("model "));
        models.map(|key| self.model(key)).collect()
    }

    fn model(&self, key: &str) -> Result<KeptModel> {
        let note: Note<ModelInputs> = self.note("artefacts", key)?;
        let start = format!("refined {}", note.inputs.start.short());
        let refined = match self.record["artefacts"].get(&start) {
            Some(_) => Some(self.note::<Note<RefinedInputs>>("artefacts", &start)?),
            None => None,
        };
        let guided = refined.and_then(|refined| refined.inputs.guided);
        Ok(KeptModel {
            fingerprint: note.fingerprint,
            backbone: note.inputs.backbone.clone(),
            has_attributes: guided.is_some(),
            guided,
            inputs: note.inputs,
        })
    }

    /// Opens one of the run's models from the store that the run used.
    ///
    /// # Errors
    /// [`Error::Data`] when the store lacks a part, [`Error::Unknown`] when there is no such backbone any more; what the
    /// backbone reports.
    pub fn reopen(
        &self,
        model: &KeptModel,
        store: &Store,
        registry: &Registry,
        device: Device,
    ) -> Result<Reopened> {
        let (data, split) = self.split(&model.inputs.split, store)?;
        let content = store.load("model", &model.fingerprint)?;
        let content = content.ok_or_else(|| self.lacks(store, "the model", &model.fingerprint))?;
        self.warn_of_other_code(&model.backbone, registry)?;
        let told = BackboneContext {
            dim: model.inputs.dim,
            max_len: split.max_len as i64,
            device: device::name(device),
        };
        let backbone = registry.backbone(&model.backbone, &model.inputs.settings, &told)?;
        let trained = load(content, backbone, device)?;
        let scores = match &model.guided {
            Some(guided) => {
                let content = store.load("guided", guided)?;
                Some(content.ok_or_else(|| self.lacks(store, "the guided scores", guided))?)
            }
            None => None,
        };
        let scores = scores.map(|content| GuidedScores::from_content(&content));
        Ok(Reopened {
            recommender: Recommender {
                fingerprint: model.fingerprint.clone(),
                split: split.fingerprint.clone(),
                attributes: trained.0.attributes().to_vec(),
                scores: scores.transpose()?.map(Rc::new),
                trained: Some(trained),
            },
            data,
            split,
        })
    }

    /// Cuts the data set as the script did.
    fn split(&self, fingerprint: &Fingerprint, store: &Store) -> Result<(Dataset, Split)> {
        let note: SplitNote = self.note("splits", fingerprint.short())?;
        let of: DatasetNote = self.note("datasets", &note.dataset)?;
        let found = find_stored(&store.root().join("datasets"), &of.fingerprint)?;
        let what = format!("the data set `{}`", note.dataset);
        let data = found.ok_or_else(|| self.lacks(store, &what, &of.fingerprint))?;
        let split = match note.kind.as_str() {
            "temporal" => temporal(&data, &self.read(note.settings)?)?,
            _ => leave_one_out(&data, &self.read(note.settings)?)?,
        };
        if split.fingerprint != *fingerprint {
            let reason = "this version cuts its data set in another way; run its script again";
            return Err(Error::data(&self.file, None, reason));
        }
        Ok((data, split))
    }

    /// A plugin that was rebuilt since may compute something else with the same weights.
    fn warn_of_other_code(&self, backbone: &str, registry: &Registry) -> Result<()> {
        let entry = registry.entry(Kind::Backbone, backbone)?;
        let plugin = &entry.origin.plugin;
        let known = self.record["plugins"][plugin]["sha256"].as_str();
        if entry.code()?.map(Fingerprint::as_str) != known {
            tracing::warn!(
                "the plugin {plugin} is not the one of the run: what its backbone says may differ; run the script again to be sure"
            );
        }
        Ok(())
    }

    fn note<T: DeserializeOwned>(&self, section: &str, key: &str) -> Result<T> {
        self.read(self.record[section][key].clone())
    }

    fn read<T: DeserializeOwned>(&self, value: Value) -> Result<T> {
        serde_json::from_value(value).map_err(|e| {
            let reason = format!(
                "tells too little to open its models ({e}); run its script again with this version: what it computed is loaded"
            );
            Error::data(&self.file, None, reason)
        })
    }

    fn lacks(&self, store: &Store, what: &str, fingerprint: &Fingerprint) -> Error {
        let reason = format!(
            "{what} ({}) is not in {}; name the run's store with --store, or run its script again",
            fingerprint.short(),
            store.root().display()
        );
        Error::data(&self.file, None, reason)
    }
}
