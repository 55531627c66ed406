//! A trained recommender: what it recommends, and why.

use std::rc::Rc;

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::guidance::GuidedScores;
use crate::rank::{Metric, Query, recommend};
use crate::reason::{Steer, Steered};
use crate::refine::{Part, Percentiles, explain};
use crate::train::{History, Model};

/// A trained model; without values in a dry run.
pub struct Recommender {
    /// Names it.
    pub fingerprint: Fingerprint,
    /// The split it was trained on.
    pub split: Fingerprint,
    /// Names of its guided columns.
    pub attributes: Vec<String>,
    /// The metrics of its validations, the deciding one first; none where it is from a finished run.
    pub validated: Vec<Metric>,
    pub(super) scores: Option<Rc<GuidedScores>>,
    pub(super) trained: Option<(Model, History)>,
}

/// A recommended item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommended {
    /// The item.
    pub item: u32,
    /// Its score.
    pub score: f32,
}

/// A score taken apart. `score` is the sum of the parts' values and the rest.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reasons {
    /// The whole score; none in a dry run.
    pub score: Option<f64>,
    /// One part an attribute, the largest first.
    pub parts: Vec<Reason>,
    /// What the other columns add.
    pub rest: Option<f64>,
}

/// What an attribute adds to a score.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// The attribute.
    pub attribute: String,
    /// Value of the user times value of the item.
    pub value: f64,
    /// The user's value.
    pub user: f64,
    /// The item's value.
    pub item: f64,
    /// Where the item stands among all items on the attribute: the share that scores lower, in percent.
    pub percent: Option<f64>,
    /// The same in words.
    pub words: Option<&'static str>,
    /// Where the user stands among users on the attribute, in percent, where that was asked.
    pub user_percent: Option<f64>,
    /// The same in words.
    pub user_words: Option<&'static str>,
}

impl Recommender {
    /// The model; none in a dry run.
    pub fn model(&self) -> Option<&Model> {
        self.trained.as_ref().map(|(model, _)| model)
    }

    /// The language model's scores that it was refined with, where there are some.
    pub fn guided_scores(&self) -> Option<&GuidedScores> {
        self.scores.as_deref()
    }

    /// How training went; none in a dry run.
    pub fn history(&self) -> Option<&History> {
        self.trained.as_ref().map(|(_, history)| history)
    }

    /// The best `k` items that the history does not hold, best first, for a user moved by `steer`; none in a dry run.
    ///
    /// # Errors
    /// As [`Steer::check`]; [`Error::NotFinite`] when a score is no number, and what the backbone reports.
    pub fn recommend(&self, query: Query<'_>, k: usize, steer: &Steer) -> Result<Vec<Recommended>> {
        steer.check(&self.attributes)?;
        let Some(model) = self.model() else {
            return Ok(Vec::new());
        };
        let best = recommend(&Steered::new(model, steer)?, query, k)?;
        let item = |(item, score)| Recommended { item, score };
        Ok(best.into_iter().map(item).collect())
    }

    /// The parts of an item's score for a user moved by `steer`, with the item's place among all items.
    ///
    /// # Errors
    /// As [`Steer::check`], and what the backbone reports.
    pub fn explain(&self, query: Query<'_>, item: u32, steer: &Steer) -> Result<Reasons> {
        steer.check(&self.attributes)?;
        let Some(model) = self.model() else {
            return Ok(Reasons::default());
        };
        let user = Steered::new(model, steer)?.user_vectors(&[query])?;
        let user = floats(&user.f_squeeze_dim(0)?)?;
        let row = floats(&model.output_table()?.f_select(0, item.into())?)?;
        self.reasons(&user, &row, &Standings::of(self, model)?.of_item(item)?)
    }

    /// The parts of the product of a user's vector and an item's; `places` tells where the item stands on each attribute.
    pub(super) fn reasons(
        &self,
        user: &[f32],
        row: &[f32],
        places: &[Option<f64>],
    ) -> Result<Reasons> {
        let explanation = explain(user, row, &self.attributes)?;
        let reason = |part: Part| {
            let percent = places.get(part.column).copied().flatten();
            Reason {
                attribute: part.attribute,
                value: part.value,
                user: part.user,
                item: part.item,
                percent,
                words: percent.map(Percentiles::words),
                user_percent: None,
                user_words: None,
            }
        };
        Ok(Reasons {
            score: Some(explanation.score),
            parts: explanation.parts.into_iter().map(reason).collect(),
            rest: Some(explanation.rest),
        })
    }

    /// The items' scores on the model's attributes: the language model's own where they are known, else the table's columns.
    ///
    /// # Shapes
    /// f32 `[V,m]`.
    pub(super) fn guided_items(&self, model: &Model) -> Result<Tensor> {
        let m = self.attributes.len() as i64;
        let Some(scores) = &self.scores else {
            return Ok(model.item_table().f_narrow(1, 0, m)?.f_detach()?);
        };
        let names = scores.names();
        let column = |attribute: &String| {
            let found = names.iter().position(|name| name == attribute);
            found
                .map(|column| column as i64)
                .ok_or_else(|| Error::unknown("attribute", attribute, &names))
        };
        let columns = self
            .attributes
            .iter()
            .map(column)
            .collect::<Result<Vec<i64>>>()?;
        let columns = Tensor::f_from_slice(&columns)?.f_to_device(scores.items.device())?;
        Ok(scores.items.f_index_select(1, &columns)?)
    }
}

/// Where items stand among all items, attribute by attribute.
pub(super) struct Standings {
    scores: Tensor,
    percentiles: Percentiles,
}

impl Standings {
    pub fn of(recommender: &Recommender, model: &Model) -> Result<Self> {
        let scores = recommender.guided_items(model)?;
        Ok(Self {
            percentiles: Percentiles::of(&scores)?,
            scores,
        })
    }

    /// The share of items, in percent, that score lower than this one on each attribute.
    pub fn of_item(&self, item: u32) -> Result<Vec<Option<f64>>> {
        let row = floats(&self.scores.f_select(0, item.into())?)?;
        let places = row.iter().enumerate();
        Ok(places
            .map(|(column, score)| self.percentiles.percent(column, *score))
            .collect())
    }
}

pub(super) fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?;
    let tensor = tensor.f_to_kind(Kind::Float)?.f_contiguous()?;
    Vec::<f32>::try_from(tensor).map_err(Error::from)
}
