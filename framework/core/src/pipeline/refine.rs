//! The refined embedding: guided scores joined with the reduced base embedding.

use std::rc::Rc;

use lapidary_sdk::kinds::{Reducer, ReducerContext};
use serde_json::json;

use super::{BaseEmbedding, Chosen, Context, GuidedEmbedding, same_split};
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::guidance::GuidedScores;
use crate::refine::{Embedding, GuidedShape, RefineSettings, Refined, Report, Unseen, combine};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// A refined embedding; without values in a dry run.
#[derive(Clone, Debug)]
pub struct RefinedEmbedding {
    /// Names it.
    pub fingerprint: Fingerprint,
    /// The split of its parts.
    pub split: Fingerprint,
    /// Its width, d.
    pub dim: i64,
    /// Names of its guided columns.
    pub attributes: Vec<String>,
    /// What training starts from.
    pub embedding: Option<Rc<Embedding>>,
    /// What was done.
    pub report: Option<Report>,
    /// The scores as the language model gave them.
    pub scores: Option<Rc<GuidedScores>>,
    /// How items that are held out of training get their reduced part.
    pub unseen: Unseen,
}

/// Joins guided scores, if there are any, and the base embedding, reduced where it has to be narrower.
///
/// # Errors
/// [`Error::Setting`] when sizes, options or splits do not fit each other; what the reducer reports.
pub fn refine(
    context: &Context,
    base: &BaseEmbedding,
    reducer: Option<&Chosen>,
    guided: Option<&GuidedEmbedding>,
    settings: &RefineSettings,
    seed: u64,
) -> Result<RefinedEmbedding> {
    if let Some(guided) = guided {
        same_split(
            "refine",
            ["`base`", "`guided`"],
            [&base.split, &guided.split],
        )?;
    }
    let attributes = match guided {
        Some(guided) => settings.attributes_of(&guided.attributes)?,
        None => Vec::new(),
    };
    let shape = guided.map(|g| GuidedShape {
        columns: attributes.len() as i64,
        users: g.has_users,
    });
    let widths = settings.plan(base.dim, shape, reducer.is_some())?;
    let make = || -> Result<Option<Box<dyn Reducer>>> {
        let told = ReducerContext { seed };
        let make = |r: &Chosen| context.registry.reducer(&r.name, &r.settings, &told);
        reducer.map(make).transpose()
    };
    if context.dry_run {
        make()?;
    }
    let fingerprint = named(base, reducer, guided, settings, seed);
    let inputs = json!({
        "base": base.fingerprint, "guided": guided.map(|g| &g.fingerprint), "reducer": reducer.map(|r| &r.name),
        "reducer_settings": reducer.map(|r| &r.settings), "settings": settings, "seed": reducer.map(|_| seed),
    });
    let scores = guided.and_then(|g| g.scores.clone());
    let content = context.stage("refined", &fingerprint, inputs, |_| {
        let table = base.items.as_ref();
        let table = table.ok_or_else(|| Error::setting("refine", "the base has no item table"))?;
        let mut made = make()?;
        let made = made.as_mut().map(|r| r.as_mut() as &mut dyn Reducer);
        combine(table, made, scores.as_deref(), settings)?.to_content()
    })?;
    let refined = content.map(|c| Refined::from_content(&c)).transpose()?;
    let (embedding, report) = refined.map(|r| (Rc::new(r.embedding), r.report)).unzip();
    Ok(RefinedEmbedding {
        fingerprint,
        split: base.split.clone(),
        dim: widths.dim,
        attributes,
        embedding,
        report,
        scores,
        unseen: settings.unseen(),
    })
}

/// The seed is a part of the name only where there is something that it can change.
fn named(
    base: &BaseEmbedding,
    reducer: Option<&Chosen>,
    guided: Option<&GuidedEmbedding>,
    settings: &RefineSettings,
    seed: u64,
) -> Fingerprint {
    // What becomes of unseen items is training's business, and in its name.
    let mut settings = json!(settings);
    if let Some(map) = settings.as_object_mut() {
        map.retain(|key, _| !["unseen", "neighbours"].contains(&key.as_str()));
    }
    let mut name = Builder::new("refined")
        .text("stage", VERSION)
        .part("base", &base.fingerprint)
        .json("settings", &settings);
    if let Some(reducer) = reducer {
        name = name
            .part("reducer", &reducer.fingerprint)
            .text("seed", &seed.to_string());
    }
    if let Some(guided) = guided {
        name = name.part("guided", &guided.fingerprint);
    }
    name.finish()
}
