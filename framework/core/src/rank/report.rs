//! Figures of a ranking for people and tables.

use serde::{Deserialize, Serialize};

use super::lists::TopLists;
use super::metrics::Metric;
use super::popularity::counts;
use super::ranking::{Places, Ranking};
use crate::data::Split;
use crate::error::{Error, Result};

/// What a ranking gave, with seen items kept and removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of cases.
    pub cases: usize,
    /// Share of cases whose target ties with another item, among unseen items.
    pub tied: f64,
    /// Seen items kept.
    pub all: Values,
    /// Seen items removed.
    pub unseen: Values,
}

/// Means over cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// Each metric and its mean.
    pub metrics: Vec<(Metric, f64)>,
    /// Figures of the lists, if lists were kept.
    pub catalogue: Option<Catalogue>,
}

/// What the lists show of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// Length of the lists, k.
    pub k: usize,
    /// Share of the catalogue that stands in at least one list.
    pub coverage: f64,
    /// Mean over cases of how much more popular the list is than the history: mean of ln(1 + training interactions)
    /// over the list's items less the same over the history's. 0 follows the users' own taste for popular items.
    pub popularity_bias: f64,
}

impl Ranking {
    /// The means of the metrics, and the lists' figures.
    pub fn report(&self, metrics: &[Metric], split: &Split) -> Report {
        let tied = self.unseen.ties.iter().filter(|&&t| t > 0).count();
        let popularity: Vec<f64> = counts(split).iter().map(|&c| (c as f64).ln_1p()).collect();
        let values = |places: &Places| Values {
            metrics: metrics
                .iter()
                .map(|&m| (m, places.mean(m, self.n_items)))
                .collect(),
            catalogue: places
                .top
                .as_ref()
                .map(|lists| self.catalogue(lists, split, &popularity)),
        };
        Report {
            cases: self.cases.len(),
            tied: tied as f64 / self.cases.len().max(1) as f64,
            all: values(&self.all),
            unseen: values(&self.unseen),
        }
    }

    fn catalogue(&self, lists: &TopLists, split: &Split, popularity: &[f64]) -> Catalogue {
        let mean = |items: &[u32]| {
            let sum: f64 = items.iter().map(|&i| popularity[i as usize]).sum();
            (!items.is_empty()).then(|| sum / items.len() as f64)
        };
        let mut shown = vec![false; self.n_items];
        let (mut sum, mut n) = (0.0, 0usize);
        for (case, &asked) in self.cases.iter().enumerate() {
            let (items, _) = lists.of(case);
            items.iter().for_each(|&i| shown[i as usize] = true);
            if let (Some(list), Some(history)) = (mean(items), mean(split.history(asked))) {
                sum += list - history;
                n += 1;
            }
        }
        let shown = shown.iter().filter(|&&s| s).count();
        Catalogue {
            k: lists.k,
            coverage: shown as f64 / self.n_items.max(1) as f64,
            popularity_bias: sum / n.max(1) as f64,
        }
    }
}

impl Values {
    /// The mean of a metric.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the report does not hold it.
    pub fn get(&self, metric: Metric) -> Result<f64> {
        self.metrics
            .iter()
            .find(|(m, _)| *m == metric)
            .map(|(_, v)| *v)
            .ok_or_else(|| {
                let known = self.metrics.iter().map(|(m, _)| m.to_string());
                Error::unknown("metric of this report", &metric.to_string(), known)
            })
    }
}
