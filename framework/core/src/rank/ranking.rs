//! Where each target comes out when the whole catalogue is ranked.

use tch::{Kind, Tensor};

use super::lists::{Collector, TopLists};
use super::metrics::{Curve, Metric};
use super::scorer::{Query, Scorer};
use super::seen::Seen;
use crate::data::{Case, Split};
use crate::error::{Error, Result};
use crate::{interrupt, progress};

/// More rows at once make nothing faster.
const MAX_ROWS: usize = 1024;

/// How to rank.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Length of the kept lists of best items; none keeps no lists.
    pub lists: Option<usize>,
    /// Scores held at once.
    pub max_scores: usize,
    /// Fewer whole rows than this are not worth it.
    pub min_rows: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lists: None,
            max_scores: 1 << 19,
            min_rows: 32,
        }
    }
}

impl Options {
    /// Cases of a block.
    pub(crate) fn rows(&self, n_items: usize) -> usize {
        let rows = (self.max_scores / n_items.max(1)).max(self.min_rows.max(1));
        rows.min(MAX_ROWS)
    }
}

/// The places of the targets of a number of cases, in the cases' order: once among all items, and once with the
/// items that the user already has taken out (the target itself never is).
#[derive(Clone, Debug)]
pub struct Ranking {
    /// The cases.
    pub cases: Vec<Case>,
    /// Their targets.
    pub targets: Vec<u32>,
    /// Size of the catalogue, V.
    pub n_items: usize,
    /// Among all items.
    pub all: Places,
    /// Among the items that the user does not have yet.
    pub unseen: Places,
}

/// For each case, how many items stand before its target, and how many beside it.
///
/// A tie is broken by chance, and metrics are expected values over that chance: no order of the catalogue can profit,
/// and a constant scorer gets what chance gets.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Items that score higher than the target.
    pub greater: Vec<u32>,
    /// Other items that score the same.
    pub ties: Vec<u32>,
    /// The best items, if lists were asked for.
    pub top: Option<TopLists>,
}

impl Places {
    /// The metric of each case.
    pub fn values(&self, metric: Metric, n_items: usize) -> Vec<f32> {
        let curve = Curve::new(metric, n_items);
        let places = self.greater.iter().zip(&self.ties);
        places
            .map(|(&greater, &ties)| curve.expected(greater, ties) as f32)
            .collect()
    }

    /// The metric's mean over cases; 0 without cases.
    pub fn mean(&self, metric: Metric, n_items: usize) -> f64 {
        let curve = Curve::new(metric, n_items);
        let places = self.greater.iter().zip(&self.ties);
        let sum: f64 = places.map(|(&g, &t)| curve.expected(g, t)).sum();
        sum / self.greater.len().max(1) as f64
    }
}

/// Ranks the whole catalogue for each case, block by block, with seen items kept and removed in one pass.
///
/// # Errors
/// What the scorer reports; [`Error::NotFinite`] for a score that is NaN; [`Error::Shape`] when the scores do not fit;
/// [`Error::Interrupted`].
pub fn rank(
    scorer: &dyn Scorer,
    split: &Split,
    cases: &[Case],
    options: &Options,
) -> Result<Ranking> {
    let _no_grad = tch::no_grad_guard();
    check_catalogue(scorer, split)?;
    let n_items = split.n_items;
    let order = by_history(cases);
    let mut collected = Collected::new(options.lists.map(|k| k.min(n_items)), cases.len());
    let stage = progress::begin("ranking", cases.len() as u64);
    for numbers in order.chunks(options.rows(n_items)) {
        interrupt::check()?;
        let part: Vec<Case> = numbers.iter().map(|&n| cases[n]).collect();
        collected.block(scorer, split, &part)?;
        stage.update(collected.done as u64, "");
    }
    let (all, unseen) = collected.finish(&order)?;
    Ok(Ranking {
        cases: cases.to_vec(),
        targets: cases.iter().map(|&c| split.target(c)).collect(),
        n_items,
        all,
        unseen,
    })
}

pub(crate) fn check_catalogue(scorer: &dyn Scorer, split: &Split) -> Result<()> {
    if scorer.n_items() == split.n_items as i64 {
        return Ok(());
    }
    Err(Error::Shape {
        what: "scorer".to_owned(),
        expected: format!("the split's {} items", split.n_items),
        found: format!("{} items", scorer.n_items()),
    })
}

/// Case numbers by length of history, so that a block's histories need little padding.
pub(crate) fn by_history(cases: &[Case]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|&n| cases[n].end);
    order
}

/// What the blocks gave so far, in tensors for all cases; stays on the scorer's device until the end.
struct Collected {
    cases: usize,
    done: usize,
    /// As [`counts`] gives them, i64 `[4,N]`, and whether a score was NaN, bool `[]`; once there is a block.
    found: Option<(Tensor, Tensor)>,
    all: Option<Collector>,
    unseen: Option<Collector>,
}

impl Collected {
    fn new(lists: Option<usize>, cases: usize) -> Self {
        Self {
            cases,
            done: 0,
            found: None,
            all: lists.map(|k| Collector::new(k, cases)),
            unseen: lists.map(|k| Collector::new(k, cases)),
        }
    }

    fn block(&mut self, scorer: &dyn Scorer, split: &Split, cases: &[Case]) -> Result<()> {
        let queries: Vec<Query<'_>> = cases
            .iter()
            .map(|&case| Query {
                user: Some(case.user),
                history: split.history(case),
            })
            .collect();
        let rows = cases.len() as i64;
        let scores = scorer.scores(&queries)?;
        check_scores(&scores, rows, scorer.n_items())?;
        let scores = scores.f_contiguous()?;
        let device = scores.device();
        let (places, mut nan) = match self.found.take() {
            Some(found) => found,
            None => (
                Tensor::f_empty([4, self.cases as i64], (Kind::Int64, device))?,
                Tensor::f_zeros([], (Kind::Bool, device))?,
            ),
        };
        let _ = nan.f_logical_or_(&scores.f_amax([1i64], false)?.f_isnan()?.f_any()?)?;

        let targets: Vec<i64> = cases.iter().map(|&c| i64::from(split.target(c))).collect();
        let targets = Tensor::f_from_slice(&targets)?
            .f_to_device(device)?
            .f_unsqueeze(1)?;
        let of_target = scores.f_gather(1, &targets, false)?;
        let pairs = cases.iter().map(|&c| (split.history(c), split.target(c)));
        let seen = Seen::new(pairs, scorer.n_items(), device)?;
        places
            .f_narrow(1, self.done as i64, rows)?
            .f_copy_(&counts(&scores, &of_target, &seen)?)?;
        self.found = Some((places, nan));

        if let (Some(all), Some(unseen)) = (&mut self.all, &mut self.unseen) {
            all.add(&scores, cases)?;
            let _ = scores
                .f_view([-1i64])?
                .f_index_fill_(0, &seen.places, f64::NEG_INFINITY)?;
            unseen.add(&scores, cases)?;
        }
        self.done += cases.len();
        Ok(())
    }

    /// Reads the results, back in the cases' own order.
    fn finish(self, order: &[usize]) -> Result<(Places, Places)> {
        let (mut all, mut unseen) = (Places::default(), Places::default());
        if let Some((counts, is_nan)) = self.found {
            if is_nan.f_int64_value(&[])? != 0 {
                return Err(nan("ranking"));
            }
            let counts = counts.f_to_device(tch::Device::Cpu)?;
            let column = |row: i64| -> Result<Vec<u32>> {
                let sorted = Vec::<i64>::try_from(&counts.f_get(row)?)?;
                let mut values = vec![0; order.len()];
                for (&number, value) in order.iter().zip(sorted) {
                    values[number] = value as u32;
                }
                Ok(values)
            };
            (all.greater, all.ties) = (column(0)?, column(1)?);
            (unseen.greater, unseen.ties) = (column(2)?, column(3)?);
        }
        all.top = self.all.map(|c| c.finish(order)).transpose()?;
        unseen.top = self.unseen.map(|c| c.finish(order)).transpose()?;
        Ok((all, unseen))
    }
}

/// What is said of a score that is no number.
pub(crate) fn nan(stage: &str) -> Error {
    Error::NotFinite(format!(
        "{stage}: a score is NaN; the model's weights are not finite, train it again with a lower learning rate or gradient clipping"
    ))
}

fn check_scores(scores: &Tensor, rows: i64, n_items: i64) -> Result<()> {
    if scores.size() == [rows, n_items] && scores.f_kind()? == Kind::Float {
        return Ok(());
    }
    Err(Error::Shape {
        what: "scores".to_owned(),
        expected: format!("f32 [B={rows},V={n_items}]"),
        found: format!("{:?} {:?}", scores.f_kind()?, scores.size()),
    })
}

/// Items before and beside each target, among all items and among unseen ones: i64 `[4,B]`. Seen items are counted
/// apart and subtracted, so that the block is compared once.
fn counts(scores: &Tensor, of_target: &Tensor, seen: &Seen) -> Result<Tensor> {
    // Ones and zeros as floats are added up several times faster than truth values.
    let found = scores.f_empty_like()?;
    let count = || {
        let sum = found.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
        sum?.f_to_kind(Kind::Int64)
    };
    let _ = scores.f_gt_tensor_out(&found, of_target)?;
    let greater = count()?;
    let _ = scores.f_eq_tensor_out(&found, of_target)?;
    let ties = count()?.f_sub_scalar(1)?;

    let seen_scores = scores.f_view([-1i64])?.f_index_select(0, &seen.places)?;
    let beside = of_target.f_view([-1i64])?.f_index_select(0, &seen.rows)?;
    let per_row = |found: Tensor| {
        let found = found.f_to_kind(Kind::Int64)?;
        greater.f_zeros_like()?.f_index_add_(0, &seen.rows, &found)
    };
    let seen_greater = per_row(seen_scores.f_gt_tensor(&beside)?)?;
    let seen_ties = per_row(seen_scores.f_eq_tensor(&beside)?)?;
    let rows = [
        greater.shallow_clone(),
        ties.shallow_clone(),
        greater.f_sub(&seen_greater)?,
        ties.f_sub(&seen_ties)?,
    ];
    Ok(Tensor::f_stack(&rows, 0)?)
}
