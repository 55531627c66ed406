//! Why an item was recommended: the score's parts by attribute, and the rest.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// A score taken apart. `score` is the sum of all parts and the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The whole score.
    pub score: f64,
    /// One part an attribute, the largest first.
    pub parts: Vec<Part>,
    /// What the free columns add.
    pub rest: f64,
}

/// What one attribute adds to a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The attribute.
    pub attribute: String,
    /// Its column.
    pub column: usize,
    /// Value of the user times value of the item.
    pub value: f64,
    /// The user's value.
    pub user: f64,
    /// The item's value.
    pub item: f64,
}

/// Takes the score ⟨user, item⟩ apart. The first columns are the attributes.
///
/// # Shapes
/// `user` and `item` `[d]`, d ≥ m.
///
/// # Errors
/// [`Error::Shape`] when the vectors differ in length or are shorter than the attributes.
pub fn explain(user: &[f32], item: &[f32], attributes: &[String]) -> Result<Explanation> {
    if user.len() != item.len() || user.len() < attributes.len() {
        return Err(Error::Shape {
            what: "vectors to explain".to_owned(),
            expected: format!("equal lengths of at least {}", attributes.len()),
            found: format!("{} for the user, {} for the item", user.len(), item.len()),
        });
    }
    let product = |(u, i): (&f32, &f32)| f64::from(*u) * f64::from(*i);
    let mut parts = Vec::with_capacity(attributes.len());
    for (column, (attribute, pair)) in attributes.iter().zip(user.iter().zip(item)).enumerate() {
        parts.push(Part {
            attribute: attribute.clone(),
            column,
            value: product(pair),
            user: f64::from(*pair.0),
            item: f64::from(*pair.1),
        });
    }
    let rest: f64 = user
        .iter()
        .zip(item)
        .skip(attributes.len())
        .map(product)
        .sum();
    let score = parts.iter().map(|p| p.value).sum::<f64>() + rest;
    parts.sort_by(|a, b| b.value.total_cmp(&a.value));
    Ok(Explanation { score, parts, rest })
}

/// Where each item stands among all items, attribute by attribute.
#[derive(Debug)]
pub struct Percentiles {
    /// The values of each attribute, rising.
    columns: Vec<Vec<f32>>,
}

impl Percentiles {
    /// Sorts each attribute's scores.
    ///
    /// # Shapes
    /// `scores` f32 `[V,m]`, such as [`crate::guidance::GuidedScores::items`].
    ///
    /// # Errors
    /// [`Error::Tensor`] when it is no matrix.
    pub fn of(scores: &Tensor) -> Result<Self> {
        let sorted = scores.f_transpose(0, 1)?.f_sort(1, false)?.0;
        let columns = Vec::<Vec<f32>>::try_from(sorted.f_to_kind(Kind::Float)?.f_contiguous()?)?;
        Ok(Self { columns })
    }

    /// Share of items, in percent, that score lower on the attribute in that column; equals count half. None for a
    /// column that is not there.
    pub fn percent(&self, column: usize, score: f32) -> Option<f64> {
        let values = self.columns.get(column)?;
        let below = values.partition_point(|v| *v < score);
        let up_to = values.partition_point(|v| *v <= score);
        let n = values.len().max(1) as f64;
        Some(100.0 * (below + up_to) as f64 / (2.0 * n))
    }

    /// Such a share in words.
    pub fn words(percent: f64) -> &'static str {
        match percent {
            p if p >= 95.0 => "outstanding",
            p if p >= 80.0 => "high",
            p if p >= 60.0 => "rather high",
            p if p > 40.0 => "middling",
            p if p > 20.0 => "rather low",
            p if p > 5.0 => "low",
            _ => "hardly any",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names() -> Vec<String> {
        ["humor", "scares"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_parts_and_the_rest_are_the_score() {
        let (user, item) = ([0.5f32, -2.0, 1.5, 0.25], [2.0f32, -1.0, -0.5, 4.0]);
        let found = explain(&user, &item, &names()).unwrap();
        let whole = Tensor::from_slice(&user).dot(&Tensor::from_slice(&item));
        assert!((found.score - whole.double_value(&[])).abs() < 1e-6);
        let parts: Vec<_> = found
            .parts
            .iter()
            .map(|p| (p.attribute.as_str(), p.value))
            .collect();
        assert_eq!(parts, [("scares", 2.0), ("humor", 1.0)]);
        assert_eq!(found.rest, 0.25);
    }

    #[test]
    fn vectors_that_do_not_fit_are_refused() {
        assert!(explain(&[1.0], &[1.0], &names()).is_err());
        let message = explain(&[1.0; 4], &[1.0; 3], &names())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("4 for the user, 3 for the item"),
            "{message}"
        );
    }

    #[test]
    fn percentiles_count_who_scores_lower() {
        let scores = Tensor::from_slice2(&[[0.1f32, 3.0], [0.2, 3.0], [0.3, 3.0], [0.4, 3.0]]);
        let found = Percentiles::of(&scores).unwrap();
        assert_eq!(found.percent(0, 0.4), Some(87.5));
        assert_eq!(found.percent(0, 0.0), Some(0.0));
        assert_eq!(found.percent(1, 3.0), Some(50.0));
        assert_eq!(found.percent(2, 3.0), None);
        assert_eq!(Percentiles::words(50.0), "middling");
    }
}
