//! How sure a difference of two runs is.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::{interrupt, progress};

/// Draws between two looks at whether the user wants to stop.
const AT_ONCE: usize = 64;

/// A paired bootstrap: cases are drawn with replacement, the same for both runs (Efron and Tibshirani 1993).
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap {
    /// How often the cases are drawn.
    pub samples: usize,
    /// Confidence of the interval.
    pub confidence: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            samples: 10_000,
            confidence: 0.95,
            seed: 0,
        }
    }
}

/// The difference of two runs' means, second less first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The difference of the means.
    pub mean: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// Two-sided p of no difference.
    pub p: f64,
}

impl Bootstrap {
    /// The mean of some values with its interval; `p` is that of a mean of 0.
    ///
    /// # Errors
    /// As [`Bootstrap::compare`].
    pub fn mean(&self, values: &[f32]) -> Result<Difference> {
        self.compare(&vec![0.0; values.len()], values)
    }

    /// Compares the values of the same cases in two runs.
    ///
    /// # Errors
    /// [`Error::Shape`] when the runs differ in length or are empty; [`Error::Setting`] for settings out of range;
    /// [`Error::Interrupted`].
    pub fn compare(&self, first: &[f32], second: &[f32]) -> Result<Difference> {
        if first.len() != second.len() || first.is_empty() {
            return Err(Error::Shape {
                what: "runs to compare".to_owned(),
                expected: "the same cases, at least one".to_owned(),
                found: format!("{} and {} cases", first.len(), second.len()),
            });
        }
        if self.samples == 0 || !(0.0..1.0).contains(&self.confidence) {
            return Err(Error::setting(
                "bootstrap",
                "needs at least one sample and a confidence from 0 to below 1",
            ));
        }
        let differences: Vec<f64> = first
            .iter()
            .zip(second)
            .map(|(&a, &b)| f64::from(b) - f64::from(a))
            .collect();
        let n = differences.len();
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let stage = progress::begin("bootstrap", self.samples as u64);
        let mut means: Vec<f64> = Vec::new();
        for sample in 0..self.samples {
            if sample % AT_ONCE == 0 {
                interrupt::check()?;
                stage.update(sample as u64, "");
            }
            let drawn = (0..n).map(|_| differences[rng.random_range(0..n)]);
            means.push(drawn.sum::<f64>() / n as f64);
        }
        means.sort_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        Ok(Difference {
            mean: differences.iter().sum::<f64>() / n as f64,
            low: quantile(&means, tail),
            high: quantile(&means, 1.0 - tail),
            p: two_sided(&means),
        })
    }
}

/// Linear interpolation between order statistics.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * at.fract()
}

/// Twice the smaller share of samples on one side of zero; the observed sample counts once, so p is never 0.
fn two_sided(means: &[f64]) -> f64 {
    let side = |there: fn(f64) -> bool| means.iter().filter(|&&m| there(m)).count() + 1;
    let smaller = side(|m| m <= 0.0).min(side(|m| m >= 0.0));
    (2.0 * smaller as f64 / (means.len() + 1) as f64).min(1.0)
}
