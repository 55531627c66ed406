//! Validation: the whole catalogue ranked by the guided part alone.

use std::collections::BTreeMap;

use rand::seq::index;
use tch::{Kind, Tensor};

use super::asking::Asking;
use super::reference::Reference;
use super::settings::TuneSettings;
use crate::data::{Case, Split};
use crate::error::{Error, Result};
use crate::progress;
use crate::rank::{Among, Metric, Options, Query, Scorer, rank};
use crate::train::seed::{self, Purpose};

/// The cases of a run's validations, the same each time.
pub(super) struct Validation {
    cases: Vec<Case>,
    /// Their users, each once.
    users: Vec<u32>,
    metrics: Vec<Metric>,
}

impl Validation {
    /// A seeded sample of the cases whose users have a training part.
    pub fn new(split: &Split, settings: &TuneSettings) -> Result<Self> {
        let known = |case: &&Case| !split.train(case.user as usize).is_empty();
        let mut cases: Vec<Case> = split.valid.iter().filter(known).copied().collect();
        if cases.is_empty() {
            let reason = "the split has no validation case of a user with training items; they tell which epoch is best, and what scores are compared with";
            return Err(Error::setting("fine_tune", reason));
        }
        if settings.validation_cases < cases.len() {
            let mut rng = seed::rng(settings.seed, Purpose::Validation, [0, 0]);
            let chosen = index::sample(&mut rng, cases.len(), settings.validation_cases);
            let mut chosen = chosen.into_vec();
            chosen.sort_unstable();
            cases = chosen.into_iter().map(|n| cases[n]).collect();
        }
        let mut users: Vec<u32> = cases.iter().map(|case| case.user).collect();
        users.sort_unstable();
        users.dedup();
        let mut metrics = vec![settings.validation];
        for &metric in &settings.report {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        Ok(Self {
            cases,
            users,
            metrics,
        })
    }

    /// The metrics, the deciding one first, and what scores are compared with from here on. Users are known by their
    /// training part.
    pub fn run(
        &self,
        asking: &Asking<'_>,
        split: &Split,
        items: &Tensor,
    ) -> Result<(Vec<(Metric, f64)>, Reference)> {
        let stage = progress::begin("validation", self.users.len() as u64);
        let histories: Vec<&[u32]> = self
            .users
            .iter()
            .map(|&u| split.train(u as usize))
            .collect();
        let raw = asking.raw(&histories, &|done| stage.update(done as u64, ""))?;
        let reference = Reference::new(asking.strategy, raw)?;
        let rows = self.users.iter().zip(0..).map(|(&user, row)| (user, row));
        let scorer = Guided {
            users: reference.scores(asking.strategy, &reference.raw)?,
            rows: rows.collect(),
            items,
        };
        let known = Among::without(&scorer, split.held_out())?;
        let ranking = rank(&known, split, &self.cases, &Options::default())?;
        let mean = |&metric: &Metric| (metric, ranking.unseen.mean(metric, ranking.n_items));
        Ok((self.metrics.iter().map(mean).collect(), reference))
    }
}

/// Scores items by the product of guided scores.
struct Guided<'a> {
    /// f32 `[M,m]`.
    users: Tensor,
    /// Each user's row.
    rows: BTreeMap<u32, i64>,
    /// f32 `[V,m]`.
    items: &'a Tensor,
}

impl Scorer for Guided<'_> {
    fn n_items(&self) -> i64 {
        self.items.size().first().copied().unwrap_or(0)
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let row = |query: &Query<'_>| query.user.and_then(|user| self.rows.get(&user).copied());
        let rows: Option<Vec<i64>> = queries.iter().map(row).collect();
        let rows =
            rows.ok_or_else(|| Error::setting("validation", "a user was not asked about"))?;
        let rows = Tensor::f_from_slice(&rows)?.f_to_device(self.users.device())?;
        let users = self
            .users
            .f_index_select(0, &rows)?
            .f_to_kind(Kind::Float)?;
        Ok(users.f_matmul(&self.items.f_tr()?)?)
    }
}
