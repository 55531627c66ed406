//! The best items for one user.

use tch::Tensor;

use super::ranking::nan;
use super::scorer::{Query, Scorer};
use crate::error::Result;

/// The best `k` items that the history does not hold, with their scores, best first; fewer where fewer are left.
///
/// # Errors
/// What the scorer reports; [`crate::Error::NotFinite`] for a score that is NaN.
pub fn recommend(scorer: &dyn Scorer, query: Query<'_>, k: usize) -> Result<Vec<(u32, f32)>> {
    Ok(recommend_all(scorer, &[query], k)?
        .pop()
        .unwrap_or_default())
}

/// The same for several users, a list each.
///
/// # Errors
/// As [`recommend`].
pub fn recommend_all(
    scorer: &dyn Scorer,
    queries: &[Query<'_>],
    k: usize,
) -> Result<Vec<Vec<(u32, f32)>>> {
    let scores = scorer.scores(queries)?;
    if scores.f_isnan()?.f_any()?.f_int64_value(&[])? != 0 {
        return Err(nan("recommending"));
    }
    let n_items = scorer.n_items();
    let seen = |(row, query): (usize, &Query<'_>)| {
        let start = row as i64 * n_items;
        let history = query.history.iter();
        history
            .map(move |&item| start + i64::from(item))
            .collect::<Vec<i64>>()
    };
    let seen: Vec<i64> = queries.iter().enumerate().flat_map(seen).collect();
    let seen = Tensor::f_from_slice(&seen)?.f_to_device(scores.device())?;
    let scores = scores
        .f_reshape([-1])?
        .f_index_fill(0, &seen, f64::NEG_INFINITY)?;
    let scores = scores.f_view([queries.len() as i64, n_items])?;
    let (values, items) = scores.f_topk(n_items.min(k as i64), 1, true, true)?;
    let lists = (0..queries.len() as i64).map(|row| list(&values, &items, row));
    lists.collect()
}

fn list(values: &Tensor, items: &Tensor, row: i64) -> Result<Vec<(u32, f32)>> {
    let items = Vec::<i64>::try_from(items.f_select(0, row)?)?;
    let values = Vec::<f32>::try_from(values.f_select(0, row)?)?;
    let best = items.into_iter().map(|item| item as u32).zip(values);
    Ok(best
        .filter(|(_, score)| *score > f32::NEG_INFINITY)
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// Scores item n with n, or all with NaN.
    struct Rising(i64, bool);

    impl Scorer for Rising {
        fn n_items(&self) -> i64 {
            self.0
        }
        fn scores(&self, _: &[Query<'_>]) -> Result<Tensor> {
            let scores = Tensor::arange(self.0, (Kind::Float, Device::Cpu)).unsqueeze(0);
            Ok(if self.1 { scores * f64::NAN } else { scores })
        }
    }

    fn best(history: &[u32], k: usize) -> Vec<u32> {
        let query = Query {
            user: None,
            history,
        };
        let best = recommend(&Rising(5, false), query, k).unwrap();
        best.into_iter().map(|(item, _)| item).collect()
    }

    #[test]
    fn seen_items_are_left_out_however_often_they_were_seen() {
        assert_eq!(best(&[], 2), [4, 3]);
        assert_eq!(best(&[4, 4, 4, 4, 4, 4, 2], 10), [3, 1, 0]);
        assert!(best(&[0, 1, 2, 3, 4], 3).is_empty());
    }

    #[test]
    fn a_score_that_is_no_number_is_told() {
        let query = Query {
            user: None,
            history: &[],
        };
        let error = recommend(&Rising(3, true), query, 1).unwrap_err();
        assert!(error.to_string().contains("NaN"), "{error}");
    }
}
