//! Whether scores mean something: attributes held against categories that somebody else gave the items.

use tch::Tensor;

use crate::error::Result;

/// How well an attribute tells the items of a category from the others.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Agreement {
    /// Column of the attribute.
    pub attribute: usize,
    /// The category.
    pub category: String,
    /// Items that have it.
    pub items: usize,
    /// Probability that an item of the category scores higher than one that is not; 0.5 is chance.
    pub auc: f64,
}

/// The agreement of every attribute with every category that at least `least` items have and as many lack.
///
/// # Shapes
/// `scores` f32 `[V,m]`; `categories` V lists.
///
/// # Errors
/// [`crate::Error::Tensor`] when the scores cannot be read.
pub fn with_categories(
    scores: &Tensor,
    categories: &[Vec<String>],
    least: usize,
) -> Result<Vec<Agreement>> {
    let mut names: Vec<&String> = categories.iter().flatten().collect();
    names.sort_unstable();
    names.dedup();
    let columns = scores.f_transpose(0, 1)?.f_contiguous()?;
    let mut all = Vec::new();
    for attribute in 0..columns.size().first().copied().unwrap_or(0) {
        let column = Vec::<f32>::try_from(columns.f_get(attribute)?)?;
        let ranks = mid_ranks(&column);
        for name in &names {
            let members: Vec<bool> = categories.iter().map(|c| c.contains(name)).collect();
            let items = members.iter().filter(|&&m| m).count();
            if items < least.max(1) || members.len() - items < least.max(1) {
                continue;
            }
            all.push(Agreement {
                attribute: attribute as usize,
                category: (*name).clone(),
                items,
                auc: auc(&ranks, &members),
            });
        }
    }
    Ok(all)
}

/// Area under the ROC curve from ranks: the Mann–Whitney statistic.
fn auc(ranks: &[f64], members: &[bool]) -> f64 {
    let inside = members.iter().filter(|&&m| m).count() as f64;
    let outside = members.len() as f64 - inside;
    let sum: f64 = ranks
        .iter()
        .zip(members)
        .filter(|(_, m)| **m)
        .map(|(r, _)| r)
        .sum();
    (sum - inside * (inside + 1.0) / 2.0) / (inside * outside)
}

/// Ranks from 1; equal values share the mean of their places.
fn mid_ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = start as f64 + (group.len() as f64 + 1.0) / 2.0;
        group.iter().for_each(|&i| ranks[i] = rank);
        start += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn auc_agrees_with_counting_pairs() {
        let scores = [0.1f32, 0.4, 0.4, 0.9, 0.2, 0.9, 0.0, 0.4];
        let members = [false, true, false, true, false, false, true, true];
        let (mut wins, mut pairs) = (0.0, 0.0);
        for (a, _) in members.iter().enumerate().filter(|(_, m)| **m) {
            for (b, _) in members.iter().enumerate().filter(|(_, m)| !**m) {
                pairs += 1.0;
                wins += f64::from(u8::from(scores[a] > scores[b]))
                    + 0.5 * f64::from(u8::from(scores[a] == scores[b]));
            }
        }
        let found = auc(&mid_ranks(&scores), &members);
        assert!(
            (found - wins / pairs).abs() < 1e-12,
            "{found} {}",
            wins / pairs
        );
    }

    #[test]
    fn rare_categories_are_left_out_and_a_perfect_attribute_has_one() {
        let scores = Tensor::from_slice2(&[[1.0f32, 0.0], [0.9, 0.1], [0.2, 0.7], [0.1, 0.9]]);
        let of = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>();
        let categories = [of(&["Comedy"]), of(&["Comedy", "War"]), of(&[]), of(&[])];
        let found = with_categories(&scores, &categories, 2).unwrap();
        let figures: Vec<_> = found
            .iter()
            .map(|a| (a.attribute, a.category.as_str(), a.auc))
            .collect();
        assert_eq!(figures, [(0, "Comedy", 1.0), (1, "Comedy", 0.0)]);
    }
}
