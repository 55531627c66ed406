//! Validation between epochs.

use rand::seq::index;

use super::model::Model;
use super::seed::{self, Purpose};
use super::settings::Settings;
use crate::data::{Case, Split};
use crate::error::Result;
use crate::rank::{Among, Metric, Options, rank};

/// The cases and metrics of a run's validations; the same at every epoch.
pub(super) struct Validation {
    cases: Vec<Case>,
    metrics: Vec<Metric>,
}

impl Validation {
    /// All validation cases, or a seeded sample of them. None when the split has none.
    pub fn new(split: &Split, settings: &Settings) -> Option<Self> {
        let amount = settings.validation_cases.unwrap_or(usize::MAX);
        let mut cases = split.valid.clone();
        if amount < cases.len() {
            let mut rng = seed::rng(settings.seed, Purpose::Validation, [0, 0]);
            let mut chosen = index::sample(&mut rng, cases.len(), amount).into_vec();
            chosen.sort_unstable();
            cases = chosen.into_iter().map(|n| split.valid[n]).collect();
        }
        let metrics = settings.metrics();
        (!cases.is_empty()).then_some(Self { cases, metrics })
    }

    /// The metrics, the deciding one first. Items that are held out of training are not ranked.
    pub fn run(&self, model: &Model, split: &Split) -> Result<Vec<(Metric, f64)>> {
        let options = Options::default();
        let ranking = match split.held_out() {
            [] => rank(model, split, &self.cases, &options)?,
            items => rank(&Among::without(model, items)?, split, &self.cases, &options)?,
        };
        let mean = |&metric: &Metric| (metric, ranking.unseen.mean(metric, ranking.n_items));
        Ok(self.metrics.iter().map(mean).collect())
    }
}
