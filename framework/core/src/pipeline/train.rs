//! Training a recommender from an embedding.

use std::path::PathBuf;
use std::rc::Rc;

use lapidary_sdk::kinds::Backbone;
use serde_json::json;
use tch::Device;

use super::{Chosen, Context, Recommender, RefinedEmbedding, same_split};
use crate::artefact::{Content, TRAINING};
use crate::data::Split;
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::guidance::GuidedScores;
use crate::lock;
use crate::refine::{Embedding, Unseen};
use crate::run::{Point, RunFolder};
use crate::train::{
    EpochRecord, History, Model, Observer, Settings, fit, identifier_embedding, seed_weights,
};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// What training starts from.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    /// Random item vectors of this width.
    Identifiers(i64),
    /// A refined embedding.
    Refined(&'a RefinedEmbedding),
}

impl Start<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Identifiers(_) => "base",
            Self::Refined(_) => "refined",
        }
    }

    fn dim(&self) -> i64 {
        match self {
            Self::Identifiers(dim) => *dim,
            Self::Refined(refined) => refined.dim,
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Identifiers(_) => Builder::new("identifier embedding").finish(),
            Self::Refined(refined) => refined.fingerprint.clone(),
        }
    }

    fn attributes(&self) -> Vec<String> {
        match self {
            Self::Identifiers(_) => Vec::new(),
            Self::Refined(refined) => refined.attributes.clone(),
        }
    }

    fn scores(&self) -> Option<Rc<GuidedScores>> {
        match self {
            Self::Identifiers(_) => None,
            Self::Refined(refined) => refined.scores.clone(),
        }
    }

    fn unseen(&self) -> Unseen {
        match self {
            Self::Identifiers(_) => Unseen::default(),
            Self::Refined(refined) => refined.unseen,
        }
    }

    fn embedding(&self, n_items: usize, seed: u64) -> Result<Rc<Embedding>> {
        match self {
            Self::Identifiers(dim) => identifier_embedding(n_items, *dim, seed).map(Rc::new),
            Self::Refined(refined) => refined
                .embedding
                .clone()
                .ok_or_else(|| Error::setting("fit", "the refined embedding has no values")),
        }
    }
}

/// Trains a backbone on the training part of a split, or loads what was trained before. An interrupted training goes on
/// where it stopped, one with more epochs where one with fewer left its checkpoints ([`Context::keep_checkpoints`]). In a
/// dry run the backbone is made, so that its settings are seen to fit.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot be used or an embedding of another split; see [`fit`] for the rest.
pub fn train(
    context: &Context,
    split: &Split,
    backbone: &Chosen,
    start: Start<'_>,
    settings: &Settings,
) -> Result<Recommender> {
    settings.check("fit")?;
    if let Start::Refined(refined) = start {
        let splits = [&refined.split, &split.fingerprint];
        same_split("fit", ["the refined embedding", "the data"], splits)?;
    }
    let named = |settings: &Settings| {
        let name = Builder::new("model")
            .text("stage", VERSION)
            .part("split", &split.fingerprint)
            .part("backbone", &backbone.fingerprint)
            .part("start", &start.fingerprint())
            .text("dim", &start.dim().to_string())
            .json("training", &json!(settings));
        match split.held_out() {
            [] => name.finish(),
            _ => name.json("unseen", &json!(start.unseen())).finish(),
        }
    };
    let fingerprint = named(settings);
    let stage = format!("{}-{}-{}", start.name(), backbone.name, fingerprint.short());
    let folder = &context.folder;
    folder.record_in("seeds", &stage, settings.seed)?;
    let inputs = json!({
        "split": split.fingerprint, "start": start.fingerprint(), "dim": start.dim(), "backbone": backbone.name,
        "settings": backbone.settings, "training": settings,
    });
    let make = || backbone.backbone(context, start.dim(), split.max_len);
    if context.dry_run {
        make()?;
    }
    let content = context.stage("model", &fingerprint, inputs, |work| {
        let embedding = start.embedding(split.n_items, settings.seed)?;
        seed_weights(settings.seed);
        let mut model = Model::new(&embedding, make()?, split.max_len, context.device)?;
        let mut curves = Curves { folder, stage };
        let kept = kept_checkpoints(context, settings, named)?;
        let lock =
            |folder: &PathBuf| lock::take(&folder.join(".lock"), "a model of the same settings");
        let _lock = kept.as_ref().map(lock).transpose()?;
        let checkpoints = kept.as_deref().unwrap_or(work);
        let history = fit(&mut model, split, settings, Some(checkpoints), &mut curves)?;
        model.place_unseen(split.held_out(), start.unseen())?;
        let Content { tensors, json } = model.content()?;
        let json = json!({"model": json, "history": history});
        Ok(Content { tensors, json })
    })?;
    let trained = content
        .map(|c| load(c, make()?, context.device))
        .transpose()?;
    Ok(Recommender {
        fingerprint,
        split: split.fingerprint.clone(),
        attributes: start.attributes(),
        validated: settings.metrics(),
        scores: start.scores(),
        trained,
    })
}

/// The folder of checkpoints that trainings of any length share, where they are to be kept or some were.
fn kept_checkpoints(
    context: &Context,
    settings: &Settings,
    named: impl Fn(&Settings) -> Fingerprint,
) -> Result<Option<PathBuf>> {
    let Some(shared) = settings.of_any_length() else {
        return Ok(None);
    };
    let folder = context.store.root().join(TRAINING);
    let name = named(&shared);
    let folder = folder.join(name.short());
    if context.keep_checkpoints.get() {
        std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    }
    if !folder.is_dir() {
        return Ok(None);
    }
    (context.folder).record_in("checkpoints", name.short(), json!(name))?;
    Ok(Some(folder))
}

/// A trained model and its history from what is stored of them, and a backbone that was made as theirs was.
pub(super) fn load(
    mut content: Content,
    backbone: Box<dyn Backbone>,
    device: Device,
) -> Result<(Model, History)> {
    let history = serde_json::from_value(content.json["history"].take())
        .map_err(|e| Error::setting("training history", e.to_string()))?;
    content.json = content.json["model"].take();
    let model = Model::from_content(&content, backbone, device)?;
    Ok((model, history))
}

/// Writes each epoch into the run's folder.
struct Curves<'a> {
    folder: &'a RunFolder,
    stage: String,
}

impl Observer for Curves<'_> {
    fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        let validation = record.validation.iter();
        let names: Vec<(String, f64)> = validation.map(|(m, v)| (m.to_string(), *v)).collect();
        let mut values = vec![
            ("loss", record.loss),
            ("learning_rate", record.learning_rate),
            ("train_seconds", record.train_seconds),
            ("validation_seconds", record.validation_seconds),
        ];
        values.extend(names.iter().map(|(name, value)| (name.as_str(), *value)));
        let at = Point::Epoch(record.epoch.into());
        self.folder.metrics(&self.stage, at, &values)
    }

    fn resumed(&mut self, records: &[EpochRecord]) -> Result<()> {
        records.iter().try_for_each(|record| self.epoch(record))
    }
}
