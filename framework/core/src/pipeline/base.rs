//! The base embedding: what a recommender knows of items without a language model.

use lapidary_sdk::kinds::{BaseEmbedderContext, Interactions};
use serde_json::{Value, json};
use tch::Tensor;

use super::{Chosen, Context, Recommender, Start, train};
use crate::artefact::Content;
use crate::data::Split;
use crate::device;
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::train::Settings;

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// A base embedding; without tables in a dry run.
#[derive(Debug)]
pub struct BaseEmbedding {
    /// Names it.
    pub fingerprint: Fingerprint,
    /// The split it was learned on.
    pub split: Fingerprint,
    /// Its width, d.
    pub dim: i64,
    /// Item table, f32 `[V,d]`.
    pub items: Option<Tensor>,
    /// User table, f32 `[U,d]`, where the embedder has one.
    pub users: Option<Tensor>,
}

/// Learns a base embedding of width `dim` with a base embedder.
///
/// # Errors
/// What the component reports, and what the store does.
pub fn embed(
    context: &Context,
    split: &Split,
    embedder: &Chosen,
    dim: i64,
    seed: u64,
) -> Result<BaseEmbedding> {
    let fingerprint = Builder::new("base")
        .text("stage", VERSION)
        .part("split", &split.fingerprint)
        .part("component", &embedder.fingerprint)
        .text("dim", &dim.to_string())
        .text("seed", &seed.to_string())
        .finish();
    let inputs = json!({
        "split": split.fingerprint, "base_embedder": embedder.name, "settings": embedder.settings, "dim": dim,
        "seed": seed,
    });
    let make = || {
        let told = BaseEmbedderContext {
            dim,
            n_items: split.n_items as i64,
            seed,
            device: device::name(context.device),
        };
        let registry = &context.registry;
        registry.base_embedder(&embedder.name, &embedder.settings, &told)
    };
    if context.dry_run {
        make()?;
    }
    let content = context.stage("base", &fingerprint, inputs, |_| {
        let learned = make()?.fit(&interactions(split, context.device)?);
        let learned = learned.map_err(Error::component("base_embedder", "fit"))?;
        let mut tensors = vec![("items".to_owned(), learned.items)];
        tensors.extend(learned.users.map(|users| ("users".to_owned(), users)));
        Ok(Content {
            tensors,
            json: Value::Null,
        })
    })?;
    let table = |name: &str| content.as_ref().and_then(|c| c.tensor(name).ok());
    Ok(BaseEmbedding {
        fingerprint,
        split: split.fingerprint.clone(),
        dim,
        items: table("items").map(Tensor::shallow_clone),
        users: table("users").map(Tensor::shallow_clone),
    })
}

/// Trains a backbone on an item table of its own; that table is the base embedding.
///
/// # Errors
/// As [`train`].
pub fn embed_with_backbone(
    context: &Context,
    split: &Split,
    backbone: &Chosen,
    dim: i64,
    settings: &Settings,
) -> Result<(BaseEmbedding, Recommender)> {
    let recommender = train(context, split, backbone, Start::Identifiers(dim), settings)?;
    let table = recommender.model().map(|m| m.item_table().f_detach());
    let base = BaseEmbedding {
        fingerprint: recommender.fingerprint.clone(),
        split: split.fingerprint.clone(),
        dim,
        items: table.transpose()?,
        users: None,
    };
    Ok((base, recommender))
}

/// The training part of a split as base embedders read it.
fn interactions(split: &Split, device: tch::Device) -> Result<Interactions> {
    let users = split.sequences.users();
    let mut offsets = Vec::with_capacity(users + 1);
    let mut items = Vec::new();
    offsets.push(0i64);
    for user in 0..users {
        items.extend(split.train(user).iter().map(|&i| i64::from(i)));
        offsets.push(items.len() as i64);
    }
    Ok(Interactions {
        offsets: Tensor::f_from_slice(&offsets)?.f_to_device(device)?,
        items: Tensor::f_from_slice(&items)?.f_to_device(device)?,
    })
}
