//! The items on two axes: the first two principal components of the refined embedding.

use serde::Serialize;
use tch::{Kind, Tensor};

use super::scores::columns;
use super::sources::Sources;
use crate::data::Split;
use crate::error::Result;
use crate::guidance::GuidedScores;
use crate::pipeline::KeptModel;
use crate::refine::{Percentiles, Refined};

/// Items that are drawn; more would hide each other.
const DRAWN: usize = 1500;

/// A map of the items.
#[derive(Clone, Debug, Serialize)]
pub struct Map {
    /// Shares of the variance that the axes hold.
    pub variance: [f64; 2],
    /// Size of the catalogue.
    pub items: usize,
    /// The attributes, in the order of the scores.
    pub attributes: Vec<String>,
    /// The items that most users had, by how many.
    pub points: Vec<Point>,
}

/// An item on the map.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Its identifier.
    pub item: String,
    /// Its name.
    pub title: String,
    /// Along the first axis.
    pub x: f64,
    /// Along the second.
    pub y: f64,
    /// Training interactions with it.
    pub interactions: u64,
    /// Where it stands among all items on each attribute, in percent.
    pub percent: Vec<f64>,
}

/// The map of a model's refined embedding, before training.
pub(super) fn gather(
    sources: &mut Sources<'_>,
    model: &KeptModel,
    guided: Option<&GuidedScores>,
) -> Result<Option<Map>> {
    let Some(refined) = model.refined() else {
        return Ok(None);
    };
    let content = sources.artefact("map", "refined", refined)?;
    let cut = sources.split(model.split())?;
    let (Some(content), Some(cut)) = (content, cut) else {
        return Ok(None);
    };
    sources.part("map", |_| {
        let embedding = Refined::from_content(&content)?.embedding;
        let mut parts: Vec<&Tensor> = Vec::new();
        parts.extend(embedding.guided.as_ref().map(|guided| &guided.items));
        parts.push(&embedding.free);
        let (places, variance) = components(&Tensor::f_cat(&parts, 1)?)?;
        let percentiles = guided.map(|g| Percentiles::of(&g.items)).transpose()?;
        let scores = guided.map(|g| columns(&g.items)).transpose()?;
        let scores = scores.unwrap_or_default();
        let counts = interactions(&cut.1);
        let mut order: Vec<usize> = (0..counts.len().min(places.len())).collect();
        order.sort_by_key(|&item| std::cmp::Reverse(counts[item]));
        let point = |item: usize| {
            let percent = scores.iter().enumerate().map(|(column, scores)| {
                let found = percentiles.as_ref()?.percent(column, scores[item]);
                found.map(|p| (p * 10.0).round() / 10.0)
            });
            Ok(Point {
                item: cut.0.item_id(item as u32)?,
                title: cut.0.item(item as u32)?.label(),
                x: places[item][0],
                y: places[item][1],
                interactions: counts[item],
                percent: percent.map(|p| p.unwrap_or(50.0)).collect(),
            })
        };
        Ok(Some(Map {
            variance,
            items: places.len(),
            attributes: guided.map(GuidedScores::names).unwrap_or_default(),
            points: order
                .into_iter()
                .take(DRAWN)
                .map(point)
                .collect::<Result<_>>()?,
        }))
    })
}

fn interactions(split: &Split) -> Vec<u64> {
    let mut counts = vec![0; split.n_items];
    for user in 0..split.sequences.users() {
        for &item in split.train(user) {
            counts[item as usize] += 1;
        }
    }
    counts
}

/// The first two principal components of the rows, and their shares of the variance. An axis points where its largest weight
/// is above 0, so that the map is the same on every machine.
pub(super) fn components(table: &Tensor) -> Result<(Vec<[f64; 2]>, [f64; 2])> {
    let table = table.f_to_kind(Kind::Double)?;
    let centred = table.f_sub(&table.f_mean_dim([0i64].as_slice(), true, Kind::Double)?)?;
    let covariance = centred.f_transpose(0, 1)?.f_matmul(&centred)?;
    let (values, vectors) = covariance.f_linalg_eigh("L")?;
    let (d, total) = (
        vectors.size()[1],
        values.f_sum(Kind::Double)?.f_double_value(&[])?,
    );
    let mut axes = Vec::new();
    let mut shares = [0.0; 2];
    for (axis, share) in shares.iter_mut().enumerate() {
        let place = (d - 1 - axis as i64).max(0);
        let vector = vectors.f_select(1, place)?;
        let largest = vector.f_abs()?.f_argmax(0, false)?.f_int64_value(&[])?;
        let sign = vector.f_double_value(&[largest])?.signum();
        axes.push(centred.f_mv(&vector.f_mul_scalar(sign)?)?);
        if total > 0.0 {
            *share = values.f_double_value(&[place])?.max(0.0) / total;
        }
    }
    let places = Vec::<Vec<f64>>::try_from(Tensor::f_stack(&axes, 1)?)?;
    Ok((places.iter().map(|row| [row[0], row[1]]).collect(), shares))
}
