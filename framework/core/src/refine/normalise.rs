//! Bringing attribute scores to a common scale.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::Result;

/// Below this spread an attribute counts as constant: it tells nothing, and its column becomes 0.
const CONSTANT: f64 = 1e-6;

/// How scores are normalised before they become columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalise {
    /// Each attribute to mean 0 and standard deviation 1 over the rows.
    #[default]
    ZScore,
    /// Each attribute to 0..1 over the rows.
    MinMax,
    /// Each row to length 1.
    L2,
    /// As they are.
    None,
}

impl Normalise {
    /// All ways, by name.
    pub const NAMES: [&str; 4] = ["z_score", "min_max", "l2", "none"];

    /// Normalises scores.
    ///
    /// # Shapes
    /// `scores` f32 `[N,m]`; result f32 `[N,m]`.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] when it is no matrix.
    pub fn apply(self, scores: &Tensor) -> Result<Tensor> {
        match self {
            Self::None => Ok(scores.f_detach()?),
            Self::L2 => {
                let norm = scores.f_norm_scalaropt_dim(2.0, [1].as_slice(), true)?;
                Ok(scores.f_div(&norm.f_clamp_min(CONSTANT)?)?)
            }
            Self::ZScore => {
                let centred =
                    scores.f_sub(&scores.f_mean_dim([0].as_slice(), true, Kind::Float)?)?;
                let variance = centred
                    .f_square()?
                    .f_mean_dim([0].as_slice(), true, Kind::Float)?;
                scaled(&centred, &variance.f_sqrt()?)
            }
            Self::MinMax if scores.numel() == 0 => Ok(scores.f_detach()?),
            Self::MinMax => {
                let low = scores.f_amin([0].as_slice(), true)?;
                let range = scores.f_amax([0].as_slice(), true)?.f_sub(&low)?;
                scaled(&scores.f_sub(&low)?, &range)
            }
        }
    }
}

/// Divides columns by their spread; columns without any become 0.
fn scaled(table: &Tensor, spread: &Tensor) -> Result<Tensor> {
    let varies = spread.f_gt(CONSTANT)?.f_to_kind(Kind::Float)?;
    let divided = table.f_div(&spread.f_clamp_min(CONSTANT)?)?;
    Ok(divided.f_mul(&varies)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn table() -> Tensor {
        Tensor::from_slice2(&[[1.0f32, -2.0, 5.0], [2.0, 0.0, 5.0], [6.0, 10.0, 5.0]])
    }

    fn rows(t: &Tensor) -> Vec<Vec<f64>> {
        Vec::<Vec<f64>>::try_from(&t.to_kind(Kind::Double)).unwrap()
    }

    #[test]
    fn z_scores_have_mean_0_and_deviation_1_and_a_constant_column_is_0() {
        let z = Normalise::ZScore.apply(&table()).unwrap();
        let found = rows(&z);
        for column in 0..2 {
            let of = |f: fn(f64) -> f64| found.iter().map(|r| f(r[column])).sum::<f64>() / 3.0;
            assert!(of(|v| v).abs() < 1e-6);
            assert!((of(|v| v * v) - 1.0).abs() < 1e-5);
        }
        assert!(found.iter().all(|r| r[2] == 0.0));
        let moved = Normalise::ZScore.apply(&(table() * 3.0 + 7.0)).unwrap();
        assert!(moved.allclose(&z, 1e-5, 1e-5, false));
    }

    #[test]
    fn min_max_spans_0_to_1() {
        let found = rows(&Normalise::MinMax.apply(&table()).unwrap());
        assert_eq!(found[0], [0.0, 0.0, 0.0]);
        assert_eq!(found[2], [1.0, 1.0, 0.0]);
        assert!((found[1][0] - 0.2).abs() < 1e-6);
    }

    #[test]
    fn l2_rows_have_length_1_and_a_zero_row_stays() {
        let table = Tensor::from_slice2(&[[3.0f32, 4.0], [0.0, 0.0]]);
        let found = rows(&Normalise::L2.apply(&table).unwrap());
        assert!((found[0][0] - 0.6).abs() < 1e-6 && (found[0][1] - 0.8).abs() < 1e-6);
        assert_eq!(found[1], [0.0, 0.0]);
    }

    #[test]
    fn none_changes_nothing() {
        assert_eq!(
            rows(&Normalise::None.apply(&table()).unwrap()),
            rows(&table())
        );
    }
}
