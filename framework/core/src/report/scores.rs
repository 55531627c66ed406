//! How items' scores on attributes are spread.

use serde::Serialize;
use tch::{Kind, Tensor};

use super::sources::Sources;
use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::guidance::{Figures, GuidedScores};
use crate::pipeline::KeptModel;

/// Bars of a histogram.
const BINS: usize = 20;
/// Items named at either end.
const NAMED: usize = 5;

/// The attributes that a model was refined with.
#[derive(Clone, Debug, Serialize)]
pub struct AttributeFigures {
    /// Names the scores.
    pub fingerprint: Fingerprint,
    /// How scoring went.
    pub figures: Figures,
    /// One an attribute, in the order of the columns.
    pub attributes: Vec<Distribution>,
}

/// How the items' scores on one attribute are spread.
#[derive(Clone, Debug, Serialize)]
pub struct Distribution {
    /// The attribute.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Mean over items.
    pub mean: f64,
    /// Standard deviation over items.
    pub sd: f64,
    /// Minimum, lower quartile, median, upper quartile, maximum.
    pub quartiles: [f64; 5],
    /// How many items fall into each of equal bins between minimum and maximum.
    pub counts: Vec<u64>,
    /// The items that score highest, the highest first.
    pub highest: Vec<Named>,
    /// The items that score lowest, the lowest first.
    pub lowest: Vec<Named>,
}

/// An item with its score.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// Its identifier.
    pub item: String,
    /// Its name.
    pub title: String,
    /// Its score.
    pub score: f64,
}

/// The spread of the items' scores.
pub(super) fn gather(
    sources: &mut Sources<'_>,
    model: &KeptModel,
    guided: &GuidedScores,
) -> Result<Option<AttributeFigures>> {
    let Some(fingerprint) = &model.guided else {
        return Ok(None);
    };
    let cut = sources.split(model.split())?;
    sources.part("attributes", |_| {
        let columns = columns(&guided.items)?;
        let mut attributes = Vec::new();
        for (attribute, scores) in guided.attributes.attributes.iter().zip(columns) {
            let mut order: Vec<u32> = (0..scores.len() as u32).collect();
            order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
            let named = |item: &u32| {
                let Some(cut) = &cut else { return Ok(None) };
                Ok(Some(Named {
                    item: cut.0.item_id(*item)?,
                    title: cut.0.item(*item)?.label(),
                    score: scores[*item as usize].into(),
                }))
            };
            let some = |items: &mut dyn Iterator<Item = &u32>| -> Result<Vec<Named>> {
                let named: Vec<Option<Named>> =
                    items.take(NAMED).map(named).collect::<Result<_>>()?;
                Ok(named.into_iter().flatten().collect())
            };
            attributes.push(Distribution {
                highest: some(&mut order.iter())?,
                lowest: some(&mut order.iter().rev())?,
                ..spread(&attribute.name, &attribute.description, scores)
            });
        }
        Ok(Some(AttributeFigures {
            fingerprint: fingerprint.clone(),
            figures: guided.figures.clone(),
            attributes,
        }))
    })
}

/// The columns of f32 `[V,m]`.
pub(super) fn columns(table: &Tensor) -> Result<Vec<Vec<f32>>> {
    let turned = table.f_transpose(0, 1)?.f_to_kind(Kind::Float)?;
    Ok(Vec::<Vec<f32>>::try_from(turned.f_contiguous()?)?)
}

fn spread(name: &str, description: &str, mut scores: Vec<f32>) -> Distribution {
    scores.sort_by(f32::total_cmp);
    let n = scores.len().max(1) as f64;
    let mean = scores.iter().map(|&s| f64::from(s)).sum::<f64>() / n;
    let squares: f64 = scores.iter().map(|&s| (f64::from(s) - mean).powi(2)).sum();
    let quantile = |share: f64| {
        let at = share * scores.len().saturating_sub(1) as f64;
        let value = |at: f64| scores.get(at as usize).map_or(0.0, |&s| f64::from(s));
        value(at.floor()) + (value(at.ceil()) - value(at.floor())) * at.fract()
    };
    let quartiles = [0.0, 0.25, 0.5, 0.75, 1.0].map(quantile);
    let width = (quartiles[4] - quartiles[0]) / BINS as f64;
    let mut counts = vec![0; BINS];
    for &score in &scores {
        let bin = match width > 0.0 {
            true => ((f64::from(score) - quartiles[0]) / width) as usize,
            false => BINS / 2,
        };
        counts[bin.min(BINS - 1)] += 1;
    }
    Distribution {
        name: name.to_owned(),
        description: description.to_owned(),
        mean,
        sd: (squares / n).sqrt(),
        quartiles,
        counts,
        highest: Vec::new(),
        lowest: Vec::new(),
    }
}
