//! Whether the attributes that an explanation names are those that make the list.

use std::fmt;

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::refuse_without_attributes;
use crate::data::{Case, Split};
use crate::error::{Error, Result};
use crate::rank::{
    Bootstrap, Difference, Options, Query, best_unseen, by_history, check_catalogue, nan,
};
use crate::settings::{self, OutOfRange, out_of_range};
use crate::train::Model;
use crate::{interrupt, progress};

/// How faithfulness is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FaithfulnessSettings {
    /// Attributes that are taken away.
    pub remove: usize,
    /// Length of the compared lists.
    pub k: usize,
    /// Seed of the random attributes and of the bootstrap.
    pub seed: u64,
    /// Draws of the bootstrap.
    pub bootstrap: usize,
}

impl Default for FaithfulnessSettings {
    fn default() -> Self {
        Self {
            remove: 3,
            k: 10,
            seed: 0,
            bootstrap: 2000,
        }
    }
}

impl FaithfulnessSettings {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        out_of_range([
            ("k", self.k > 0, "at least 1"),
            ("bootstrap", self.bootstrap > 0, "at least 1"),
        ])
    }

    /// Refuses what cannot be measured with a model of these attributes.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self, attributes: &[String]) -> Result<()> {
        let place = "faithfulness";
        refuse_without_attributes(place, attributes)?;
        let m = attributes.len();
        if self.remove == 0 || self.remove >= m {
            let reason = format!(
                "{} of the model's {m} attributes cannot be chosen in more than one way; give 1 to {}",
                self.remove,
                m.saturating_sub(1)
            );
            return Err(Error::setting(format!("{place}, `remove`"), reason));
        }
        settings::check(self, self.problems(), place)
    }
}

/// How much of the lists stays when attributes are taken away from the scores: means over cases of the share of the best k
/// that is still among the best k.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faithfulness {
    /// Number of cases.
    pub cases: usize,
    /// Attributes that were taken away.
    pub remove: usize,
    /// Attributes there are.
    pub attributes: usize,
    /// Length of the lists.
    pub k: usize,
    /// What stays without those that have the largest parts, either sign, in the score of the first recommendation.
    pub important: f64,
    /// What stays without random ones.
    pub random: f64,
    /// By how much more stays without random ones; above 0 the explanations are faithful.
    pub difference: Difference,
}

impl fmt::Display for Faithfulness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            remove,
            attributes,
            k,
            important,
            random,
            difference,
        } = self;
        write!(
            f,
            "{cases} cases; what stays of the best {k} without {remove} of {attributes} attributes\n  \
             without the most important  {important:.4}\n  without random ones         {random:.4}\n  \
             difference                  {:+.4}, 95 % interval {:+.4} to {:+.4}",
            difference.mean, difference.low, difference.high
        )
    }
}

/// Takes attributes away from each case's scores, those that its explanation names most important and as many random ones,
/// and compares what becomes of its list (a deletion test of explanations, as DeYoung et al., arXiv:1911.03429, do it with
/// words: comprehensiveness, here on lists and against chance). Seen items are left out.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot be used or no cases; [`Error::NotFinite`] for a score that is NaN; what
/// the backbone reports; [`Error::Interrupted`].
pub fn faithfulness(
    model: &Model,
    split: &Split,
    cases: &[Case],
    settings: &FaithfulnessSettings,
) -> Result<Faithfulness> {
    let _no_grad = tch::no_grad_guard();
    settings.check(model.attributes())?;
    check_catalogue(model, split)?;
    if cases.is_empty() {
        return Err(Error::setting("faithfulness", "there are no cases"));
    }
    let deletion = Deletion {
        model,
        split,
        table: model.output_table()?.f_transpose(0, 1)?,
        settings,
        k: settings.k.min(split.n_items),
    };
    let stage = progress::begin("faithfulness", cases.len() as u64);
    let mut blocks = Vec::new();
    let mut done = 0;
    for numbers in by_history(cases).chunks(Options::default().rows(split.n_items)) {
        interrupt::check()?;
        let part: Vec<Case> = numbers.iter().map(|&n| cases[n]).collect();
        blocks.push(deletion.block(&part)?);
        done += part.len() as u64;
        stage.update(done, "");
    }
    let overlaps = Tensor::f_cat(&blocks, 1)?.f_to_device(tch::Device::Cpu)?;
    let row = |n: i64| -> Result<Vec<f32>> { Ok(Vec::<f32>::try_from(overlaps.f_get(n)?)?) };
    let (important, random) = (row(0)?, row(1)?);
    if important.iter().any(|overlap| overlap.is_nan()) {
        return Err(nan("faithfulness"));
    }
    let bootstrap = Bootstrap {
        samples: settings.bootstrap,
        seed: settings.seed,
        ..Bootstrap::default()
    };
    Ok(Faithfulness {
        cases: cases.len(),
        remove: settings.remove,
        attributes: model.attributes().len(),
        k: settings.k,
        important: mean(&important),
        random: mean(&random),
        difference: bootstrap.compare(&important, &random)?,
    })
}

fn mean(values: &[f32]) -> f64 {
    let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
    sum / values.len().max(1) as f64
}

/// What all blocks share.
struct Deletion<'a> {
    model: &'a Model,
    split: &'a Split,
    /// Item vectors, `[d,V]`.
    table: Tensor,
    settings: &'a FaithfulnessSettings,
    k: usize,
}

impl Deletion<'_> {
    /// Overlaps without the important and without random attributes, f32 `[2,B]`; NaN where a score is.
    fn block(&self, cases: &[Case]) -> Result<Tensor> {
        let query = |&case: &Case| Query {
            user: Some(case.user),
            history: self.split.history(case),
        };
        let queries: Vec<Query<'_>> = cases.iter().map(query).collect();
        let users = self.model.user_vectors(&queries)?;
        let before = self.best(&users, cases)?;
        let first = before.items.f_select(1, 0)?;
        let overlap = |removed: &Tensor| -> Result<Tensor> {
            let left = users.f_scatter_value(1, removed, 0.0)?;
            before.overlap(&self.best(&left, cases)?)
        };
        let important = overlap(&self.important(&users, &first)?)?;
        let random = overlap(&self.random(cases)?.f_to_device(users.device())?)?;
        Ok(Tensor::f_stack(&[important, random], 0)?)
    }

    fn best(&self, users: &Tensor, cases: &[Case]) -> Result<Best> {
        let scores = users.f_mm(&self.table)?;
        let nan = scores.f_amax([1i64], true)?.f_isnan()?;
        let (scores, items) = best_unseen(&scores, self.split, cases, self.k)?;
        Ok(Best {
            counts: scores.f_gt(f64::NEG_INFINITY)?,
            items,
            nan,
        })
    }

    /// Columns of the attributes with the largest parts, either sign, in the score of the item `first` i64 `[B]`: i64
    /// `[B,remove]`.
    fn important(&self, users: &Tensor, first: &Tensor) -> Result<Tensor> {
        let m = self.model.attributes().len() as i64;
        let items = self.table.f_narrow(0, 0, m)?.f_index_select(1, first)?;
        let parts = users
            .f_narrow(1, 0, m)?
            .f_mul(&items.f_transpose(0, 1)?)?
            .f_abs()?;
        Ok(parts.f_topk(self.settings.remove as i64, 1, true, true)?.1)
    }

    /// Columns of random attributes, i64 `[B,remove]`; a case's do not depend on the block it comes in.
    fn random(&self, cases: &[Case]) -> Result<Tensor> {
        let (m, remove) = (self.model.attributes().len(), self.settings.remove);
        let mut columns = Vec::with_capacity(cases.len() * remove);
        for case in cases {
            let seed = u64::from(case.user) << 32 | u64::from(case.end);
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(self.settings.seed);
            let drawn = index::sample(&mut rng, m, remove).into_iter();
            columns.extend(drawn.map(|column| column as i64));
        }
        let shape = [cases.len() as i64, remove as i64];
        Ok(Tensor::f_from_slice(&columns)?.f_view(shape)?)
    }
}

/// The best of a block.
struct Best {
    /// i64 `[B,k]`.
    items: Tensor,
    /// Which of them may be recommended, bool `[B,k]`.
    counts: Tensor,
    /// Whether a score is NaN, bool `[B,1]`.
    nan: Tensor,
}

impl Best {
    /// Share of these that others hold too, f32 `[B]`.
    fn overlap(&self, other: &Self) -> Result<Tensor> {
        let equal = self
            .items
            .f_unsqueeze(2)?
            .f_eq_tensor(&other.items.f_unsqueeze(1)?)?
            .f_logical_and(&other.counts.f_unsqueeze(1)?)?;
        let stays = equal.f_any_dim(2, false)?.f_logical_and(&self.counts)?;
        let count = |which: &Tensor| which.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let share = count(&stays)?.f_div(&count(&self.counts)?.f_clamp_min(1.0)?)?;
        let nan = self.nan.f_logical_or(&other.nan)?.f_squeeze_dim(1)?;
        Ok(share.f_masked_fill(&nan, f64::NAN)?)
    }
}
