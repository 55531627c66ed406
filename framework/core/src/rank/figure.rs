//! One way on one metric, as tables of comparisons hold it.

use serde::{Deserialize, Serialize};

use super::bootstrap::Difference;
use super::metrics::Metric;

/// Mean and standard deviation (n − 1) of some values; no deviation of fewer than two.
pub fn mean_and_deviation(values: &[f64]) -> (f64, Option<f64>) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
    (mean, deviation)
}

/// One way on one metric. Differences are those to the first way of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The way.
    pub way: String,
    /// The metric.
    pub metric: String,
    /// Whether items that a user already had were among those ranked: `kept` or `removed`.
    pub seen: String,
    /// The mean over cases and seeds.
    pub mean: f64,
    /// Standard deviation over seeds.
    pub sd: Option<f64>,
    /// Difference as a share of the first way's mean.
    pub gain: Option<f64>,
    /// Lower end of the difference's 95 % interval.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// Two-sided p of no difference.
    pub p: Option<f64>,
}

impl Figure {
    /// A way's mean.
    pub fn of(way: &str, metric: Metric, kept: bool, mean: f64, sd: Option<f64>) -> Self {
        Self {
            way: way.to_owned(),
            metric: metric.to_string(),
            seen: if kept { "kept" } else { "removed" }.to_owned(),
            mean,
            sd,
            gain: None,
            low: None,
            high: None,
            p: None,
        }
    }

    /// The same with the difference to the first way, whose mean is `first`.
    #[must_use]
    pub fn against(self, first: f64, difference: Option<Difference>) -> Self {
        Self {
            gain: difference.map(|d| d.mean / first).filter(|g| g.is_finite()),
            low: difference.map(|d| d.low),
            high: difference.map(|d| d.high),
            p: difference.map(|d| d.p),
            ..self
        }
    }
}
