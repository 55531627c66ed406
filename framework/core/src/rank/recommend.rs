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
    let scores = scorer.scores(&[query])?.f_squeeze_dim(0)?;
    if scores.f_isnan()?.f_any()?.f_int64_value(&[])? != 0 {
        return Err(nan("recommending"));
    }
    let seen: Vec<i64> = query.history.iter().map(|&i| i64::from(i)).collect();
    let seen = Tensor::f_from_slice(&seen)?.f_to_device(scores.device())?;
    let scores = scores.f_index_fill(0, &seen, f64::NEG_INFINITY)?;
    let k = scorer.n_items().min(k as i64);
    let (values, items) = scores.f_topk(k, 0, true, true)?;
    let items = Vec::<i64>::try_from(items)?.into_iter().map(|i| i as u32);
    let values = Vec::<f32>::try_from(values)?;
    let best = items.zip(values);
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
