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
use super::context::UNFINISHED;
use super::train::load;
use crate::artefact::Store;
use crate::data::{Dataset, Split, find_stored, leave_one_out, temporal};
use crate::device;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::guidance::GuidedScores;
use crate::plugin::Registry;
use crate::run::Record;

/// A run's folder, read.
#[derive(Debug)]
pub struct KeptRun {
    folder: PathBuf,
    file: PathBuf,
    record: Record,
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
    pub(crate) guided: Option<Fingerprint>,
    is_refined: bool,
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

impl KeptModel {
    /// The split that it was trained on.
    pub(crate) fn split(&self) -> &Fingerprint {
        &self.inputs.split
    }

    /// The refined embedding that it started from.
    pub(crate) fn refined(&self) -> Option<&Fingerprint> {
        self.is_refined.then_some(&self.inputs.start)
    }

    /// The settings of its backbone.
    pub fn settings(&self) -> &Value {
        &self.inputs.settings
    }
}

impl KeptRun {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`Error::Data`] when it is none, or one of a dry run; [`Error::Damaged`] when `run.json` cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let (file, record) = (folder.join("run.json"), Record::open(folder)?);
        if record.is_dry() {
            let reason =
                "this was a dry run: nothing was trained; run the script without --dry-run";
            return Err(Error::data(file, None, reason));
        }
        let folder = folder.to_path_buf();
        Ok(Self {
            folder,
            file,
            record,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `run.json` holds.
    pub fn record(&self) -> &Value {
        self.record.json()
    }

    /// The script that was run, as the run noted it.
    pub fn script(&self) -> Option<&Path> {
        self.record.script()
    }

    /// The run's models, in the order of the script.
    ///
    /// # Errors
    /// [`Error::Data`] when `run.json` tells too little of one.
    pub fn models(&self) -> Result<Vec<KeptModel>> {
        let artefacts = self.record.section("artefacts");
        let finished = artefacts.filter(|(_, note)| note["how"] != UNFINISHED);
        let models = finished.filter(|(key, _)| key.starts_with("model "));
        models.map(|(key, _)| self.model(key)).collect()
    }

    fn model(&self, key: &str) -> Result<KeptModel> {
        let note: Note<ModelInputs> = self.note("artefacts", key)?;
        let start = format!("refined {}", note.inputs.start.short());
        let refined = match self.record.get("artefacts").get(&start) {
            Some(_) => Some(self.note::<Note<RefinedInputs>>("artefacts", &start)?),
            None => None,
        };
        let is_refined = refined.is_some();
        let guided = refined.and_then(|refined| refined.inputs.guided);
        Ok(KeptModel {
            fingerprint: note.fingerprint,
            backbone: note.inputs.backbone.clone(),
            has_attributes: guided.is_some(),
            guided,
            is_refined,
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
                validated: Vec::new(),
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

    /// Opens a data set of the run.
    pub(crate) fn dataset(&self, name: &str, store: &Store) -> Result<Dataset> {
        let of: DatasetNote = self.note("datasets", name)?;
        let found = find_stored(&store.datasets(), &of.fingerprint)?;
        found.ok_or_else(|| self.lacks(store, &format!("the data set `{name}`"), &of.fingerprint))
    }

    /// Cuts the data set as the script did.
    pub(crate) fn split(
        &self,
        fingerprint: &Fingerprint,
        store: &Store,
    ) -> Result<(Dataset, Split)> {
        let note: SplitNote = self.note("splits", fingerprint.short())?;
        let data = self.dataset(&note.dataset, store)?;
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
        let known = self.record.get("plugins")[plugin]["sha256"].as_str();
        if entry.code()?.map(Fingerprint::as_str) != known {
            tracing::warn!(
                "the plugin {plugin} is not the one of the run: what its backbone says may differ; run the script again to be sure"
            );
        }
        Ok(())
    }

    fn note<T: DeserializeOwned>(&self, section: &str, key: &str) -> Result<T> {
        self.read(self.record.get(section)[key].clone())
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
