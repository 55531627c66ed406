//! Fine-tuning of a language model.

use std::path::PathBuf;
use std::rc::Rc;

use lapidary_sdk::kinds::{Attribute, AttributeSet, llm, prompt_strategy};
use lapidary_sdk::{Kind, State};
use serde_json::json;
use tch::Tensor;

use super::guide::item_texts;
use super::{Context, GuidedEmbedding, LanguageModel, PromptStrategy, same_split};
use crate::artefact::Content;
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::run::{Point, RunFolder};
use crate::tune::{self, Task, TuneHistory, TuneObserver, TuneRecord, TuneSettings};

/// Counts the changes of what this stage computes.
const VERSION: &str = "2";

/// Where adapters are laid down as PEFT stores them, in the store.
const ADAPTERS: &str = "adapters";

/// A fine-tuned language model.
pub struct Tuned {
    /// The model with its adapter; in a dry run it answers as before.
    pub llm: Rc<LanguageModel>,
    /// Names the fine-tuning.
    pub fingerprint: Fingerprint,
    /// The adapter's folder, in PEFT's layout; none in a dry run.
    pub folder: Option<PathBuf>,
    /// How it went; none in a dry run.
    pub history: Option<TuneHistory>,
}

/// Fine-tunes a language model on the training part of a split against the frozen scores of its items, or loads what was
/// tuned before. An interrupted run goes on where it stopped.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot be used, scores of another split, and components that cannot be trained;
/// see [`tune::fine_tune`] for the rest.
pub fn fine_tune(
    context: &Context,
    llm: &LanguageModel,
    strategy: &PromptStrategy,
    guided: &GuidedEmbedding,
    data: &Dataset,
    split: &Split,
    settings: &TuneSettings,
) -> Result<Tuned> {
    settings.check("fine_tune")?;
    same_split(
        "fine_tune",
        ["the guided scores", "the data"],
        [&guided.split, &split.fingerprint],
    )?;
    check_components(context, llm, strategy, settings)?;
    let (attributes, columns) = chosen(&strategy.attributes, &guided.attributes, settings)?;
    let made = strategy.make_for(context, attributes.clone())?;
    let info = llm.info(context)?;
    let fingerprint = Builder::new("adapter")
        .text("stage", VERSION)
        .part("split", &split.fingerprint)
        .part("strategy", &strategy.chosen.fingerprint)
        .part("llm", &llm.chosen.code)
        .text("model", &info.fingerprint)
        .part("guided", &guided.fingerprint)
        .json("attributes", &json!(attributes))
        .json("settings", &json!(settings))
        .finish();
    let inputs = json!({
        "split": split.fingerprint, "strategy": strategy.chosen.name, "llm": llm.chosen.name, "model": info,
        "guided": guided.fingerprint, "settings": settings,
    });
    let stage = format!("adapter-{}-{}", llm.chosen.name, fingerprint.short());
    context.folder.record_in("seeds", &stage, settings.seed)?;
    let content = context.stage("adapter", &fingerprint, inputs, |work| {
        let texts = item_texts(data, split)?;
        let mut model = llm.make(context)?;
        let task = Task {
            llm: model.as_mut(),
            strategy: made.as_ref(),
            split,
            text: &|item| texts[item as usize].clone(),
            items: &columns_of(guided, &columns)?,
            device: context.device,
            name: fingerprint.clone(),
        };
        let folder = &context.folder;
        let mut curves = Curves { folder, stage };
        let (adapter, history) = tune::fine_tune(task, settings, Some(work), &mut curves)?;
        // What lies there came of an artefact that is gone, and may differ in the last digits.
        let laid = adapter_folder(context, &fingerprint);
        if laid.exists() {
            std::fs::remove_dir_all(&laid).map_err(Error::io(&laid))?;
        }
        let json = json!({"adapter": adapter.json, "history": history});
        let tensors = adapter.tensors;
        Ok(Content { tensors, json })
    })?;
    tuned(context, llm, fingerprint, content)
}

/// Frozen scores of the items on some attributes, f32 `[V,m]`.
fn columns_of(guided: &GuidedEmbedding, columns: &[i64]) -> Result<Tensor> {
    let scores = guided.scores.as_ref();
    let missing = || Error::setting("fine_tune", "the guided scores have no values");
    let items = &scores.ok_or_else(missing)?.items;
    let columns = Tensor::f_from_slice(columns)?.f_to_device(items.device())?;
    Ok(items.f_index_select(1, &columns)?)
}

/// The tuned model from the stage's artefact; lays its adapter down where it does not lie yet.
fn tuned(
    context: &Context,
    llm: &LanguageModel,
    fingerprint: Fingerprint,
    content: Option<Content>,
) -> Result<Tuned> {
    let Some(mut content) = content else {
        return Ok(Tuned {
            llm: Rc::new(llm.adapted(&fingerprint, None)),
            fingerprint,
            folder: None,
            history: None,
        });
    };
    let history = serde_json::from_value(content.json["history"].take())
        .map_err(|e| Error::setting("history of fine-tuning", e.to_string()))?;
    let adapter = State {
        tensors: content.tensors,
        json: content.json["adapter"].take(),
    };
    let folder = adapter_folder(context, &fingerprint);
    if !folder.exists() {
        tune::publish_adapter(&folder, &adapter)?;
    }
    Ok(Tuned {
        llm: Rc::new(llm.adapted(&fingerprint, Some(adapter))),
        fingerprint,
        folder: Some(folder),
        history: Some(history),
    })
}

/// Where an adapter lies for PEFT to open.
fn adapter_folder(context: &Context, fingerprint: &Fingerprint) -> PathBuf {
    let adapters = context.store.root().join(ADAPTERS);
    adapters.join(fingerprint.short())
}

/// Refuses components that lack what fine-tuning asks of them.
fn check_components(
    context: &Context,
    model: &LanguageModel,
    strategy: &PromptStrategy,
    settings: &TuneSettings,
) -> Result<()> {
    let lacks = |kind: Kind, name: &str, methods: &[u32]| -> Result<bool> {
        let description = &context.registry.entry(kind, name)?.description;
        Ok(methods.iter().any(|&method| !description.offers(method)))
    };
    let refuse = |reason: String| Err(Error::setting("fine_tune", reason));
    let name = &model.chosen.name;
    if model.is_adapted() {
        return refuse(format!(
            "language model `{name}` is fine-tuned already; begin with the model as it was"
        ));
    }
    if lacks(
        Kind::Llm,
        name,
        &[llm::method::ADAPT, llm::method::LOG_LIKELIHOODS],
    )? {
        return refuse(format!(
            "language model `{name}` cannot be trained; `local` can"
        ));
    }
    let name = &strategy.chosen.name;
    if lacks(
        Kind::PromptStrategy,
        name,
        &[prompt_strategy::method::MEASURE],
    )? {
        let reason =
            "has no scores through which gradients flow; `score_phrases` and `score_digits` have";
        return refuse(format!("prompt strategy `{name}` {reason}"));
    }
    let own_text = [prompt_strategy::method::OWN_TEXT];
    if settings.format_weight > 0.0 && lacks(Kind::PromptStrategy, name, &own_text)? {
        let reason =
            "does not tell its own words, which the format loss needs; use `format_weight = 0`";
        return refuse(format!("prompt strategy `{name}` {reason}"));
    }
    Ok(())
}

/// The attributes to train on, with as many phrases as told, and their columns in the guided scores.
fn chosen(
    asked: &AttributeSet,
    scored: &AttributeSet,
    settings: &TuneSettings,
) -> Result<(AttributeSet, Vec<i64>)> {
    let names = |set: &AttributeSet| -> Vec<String> {
        set.attributes.iter().map(|a| a.name.clone()).collect()
    };
    let known = names(asked);
    let wanted = settings.attributes.as_ref().unwrap_or(&known);
    let (mut attributes, mut columns) = (Vec::new(), Vec::new());
    for name in wanted {
        let unknown = || Error::unknown("attribute", name, &known);
        let attribute = asked.attributes.iter().find(|a| a.name == *name);
        let mut attribute = attribute.ok_or_else(unknown)?.clone();
        if attributes.iter().any(|a: &Attribute| a.name == *name) {
            let reason = format!("`{name}` stands twice");
            return Err(Error::setting("fine_tune.attributes", reason));
        }
        attribute
            .phrases
            .truncate(settings.phrases.unwrap_or(usize::MAX));
        let column = scored.attributes.iter().position(|a| a.name == *name);
        columns.push(column.ok_or_else(|| {
            let reason = format!(
                "the guided scores have no attribute `{name}`; they have {}",
                names(scored).join(", ")
            );
            Error::setting("fine_tune", reason)
        })? as i64);
        attributes.push(attribute);
    }
    let set = AttributeSet {
        attributes,
        ..asked.clone()
    };
    Ok((set, columns))
}

/// Writes each epoch into the run's folder.
struct Curves<'a> {
    folder: &'a RunFolder,
    stage: String,
}

impl TuneObserver for Curves<'_> {
    fn epoch(&mut self, record: &TuneRecord) -> Result<()> {
        let validation = record.validation.iter();
        let names: Vec<(String, f64)> = validation.map(|(m, v)| (m.to_string(), *v)).collect();
        let losses = [
            ("loss", record.loss),
            ("recommendation_loss", record.recommendation),
            ("format_loss", record.format),
        ];
        let losses = losses
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        let mut values: Vec<(&str, f64)> = losses.collect();
        values.push(("learning_rate", record.learning_rate));
        values.push(("train_seconds", record.train_seconds));
        values.push(("validation_seconds", record.validation_seconds));
        values.extend(names.iter().map(|(name, value)| (name.as_str(), *value)));
        self.folder
            .metrics(&self.stage, Point::Epoch(record.epoch.into()), &values)
    }
}
