//! A trained recommender: what it recommends, and why.

use std::rc::Rc;

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::guidance::GuidedScores;
use crate::rank::{Query, recommend};
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
}

impl Recommender {
    /// The model; none in a dry run.
    pub fn model(&self) -> Option<&Model> {
        self.trained.as_ref().map(|(model, _)| model)
    }

    /// How training went; none in a dry run.
    pub fn history(&self) -> Option<&History> {
        self.trained.as_ref().map(|(_, history)| history)
    }

    /// The best `k` items that the history does not hold, best first; none in a dry run.
    ///
    /// # Errors
    /// [`Error::NotFinite`] when a score is no number, and what the backbone reports.
    pub fn recommend(&self, query: Query<'_>, k: usize) -> Result<Vec<Recommended>> {
        let Some(model) = self.model() else {
            return Ok(Vec::new());
        };
        let best = recommend(model, query, k)?;
        let item = |(item, score)| Recommended { item, score };
        Ok(best.into_iter().map(item).collect())
    }

    /// The parts of an item's score, with the item's place among all items.
    ///
    /// # Errors
    /// What the backbone reports.
    pub fn explain(&self, query: Query<'_>, item: u32) -> Result<Reasons> {
        let Some(model) = self.model() else {
            return Ok(Reasons::default());
        };
        let user = floats(&model.user_vectors(&[query])?.f_squeeze_dim(0)?)?;
        let row = floats(&model.output_table()?.f_select(0, item.into())?)?;
        let explanation = explain(&user, &row, &self.attributes)?;
        let places = self.places(item)?;
        let reason = |part: Part| {
            let percent = places.as_ref();
            let percent = percent.and_then(|p| p.get(part.column).copied().flatten());
            Reason {
                attribute: part.attribute,
                value: part.value,
                user: part.user,
                item: part.item,
                percent,
                words: percent.map(Percentiles::words),
            }
        };
        Ok(Reasons {
            score: Some(explanation.score),
            parts: explanation.parts.into_iter().map(reason).collect(),
            rest: Some(explanation.rest),
        })
    }

    /// Where the item stands among all items on each of the model's attributes, in percent.
    fn places(&self, item: u32) -> Result<Option<Vec<Option<f64>>>> {
        let Some(scores) = &self.scores else {
            return Ok(None);
        };
        let names = scores.names();
        let percentiles = Percentiles::of(&scores.items)?;
        let row = floats(&scores.items.f_select(0, item.into())?)?;
        let place = |attribute: &String| {
            let column = names.iter().position(|name| name == attribute)?;
            percentiles.percent(column, *row.get(column)?)
        };
        Ok(Some(self.attributes.iter().map(place).collect()))
    }
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?;
    let tensor = tensor.f_to_kind(Kind::Float)?.f_contiguous()?;
    Vec::<f32>::try_from(tensor).map_err(Error::from)
}
