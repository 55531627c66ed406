//! From subjects to guided scores.

use lapidary_sdk::kinds::{AttributeSet, ItemText, Llm, PromptStrategy, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::cache::{Asker, Cache};
use super::measure::{Asking, Measured, fault};
use super::scores::{Figures, GuidedScores, Tally};
use crate::data::Split;
use crate::error::{Error, Result};

/// How users are scored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Users {
    /// Not at all.
    None,
    /// By the mean of the scores of the items they trained with; asks the model nothing.
    #[default]
    HistoryMean,
    /// By the model, which reads the training part of their history.
    Asked,
}

/// Scores items and users with a language model.
pub struct Scorer<'a> {
    /// Answers.
    pub llm: &'a dyn Llm,
    /// Asks and reads.
    pub strategy: &'a dyn PromptStrategy,
    /// The strategy's name and version. Its settings need not be part of it: what they change in a question, the
    /// cache sees in the question.
    pub strategy_name: &'a str,
    /// What is scored.
    pub attributes: &'a AttributeSet,
    /// Known answers.
    pub cache: &'a Cache,
    /// Requests that are asked at once, and kept at once.
    pub batch: usize,
}

impl Scorer<'_> {
    /// Scores all items of a split, and its users as told. A user is known by [`Split::train`] alone.
    ///
    /// # Errors
    /// When a component fails, the cache cannot be used, not one answer could be read, or on interrupt; answers that
    /// were given until then are kept.
    pub fn score(
        &self,
        split: &Split,
        item_text: &dyn Fn(u32) -> ItemText,
        users: Users,
    ) -> Result<GuidedScores> {
        let asking = self.asking()?;
        let item = |i: usize| Some(Subject::Item(item_text(i as u32)));
        let measured = asking.measure("Asking about items", split.n_items, &item)?;
        let (items, tally) = self.calibrate("items", measured, split.n_items)?;
        self.with_users(&asking, split, item_text, users, (items, tally))
    }

    /// Scores users as [`Scorer::score`] does, beside items that were scored before.
    ///
    /// # Errors
    /// As [`Scorer::score`].
    pub fn score_users(
        &self,
        split: &Split,
        item_text: &dyn Fn(u32) -> ItemText,
        users: Users,
        items: &GuidedScores,
    ) -> Result<GuidedScores> {
        let asking = self.asking()?;
        let tally = items.figures.items.clone();
        let items = items.items.f_detach()?;
        self.with_users(&asking, split, item_text, users, (items, tally))
    }

    fn with_users(
        &self,
        asking: &Asking<'_>,
        split: &Split,
        item_text: &dyn Fn(u32) -> ItemText,
        users: Users,
        (items, item_tally): (Tensor, Tally),
    ) -> Result<GuidedScores> {
        let (users, user_tally) = match users {
            Users::None => (None, None),
            Users::HistoryMean => (Some(history_mean(split, &items)?), None),
            Users::Asked => {
                let (users, tally) = self.ask_users(asking, split, item_text)?;
                (Some(users), Some(tally))
            }
        };
        Ok(GuidedScores {
            attributes: self.attributes.clone(),
            items,
            users,
            figures: Figures {
                items: item_tally,
                users: user_tally,
            },
        })
    }

    fn ask_users(
        &self,
        asking: &Asking<'_>,
        split: &Split,
        item_text: &dyn Fn(u32) -> ItemText,
    ) -> Result<(Tensor, Tally)> {
        let n = split.sequences.users();
        let user = |u: usize| match split.train(u) {
            [] => None,
            history => Some(Subject::User(
                history.iter().map(|&i| item_text(i)).collect(),
            )),
        };
        let measured = asking.measure("Asking about users", n, &user)?;
        self.calibrate("users", measured, n)
    }

    fn asking(&self) -> Result<Asking<'_>> {
        if self.batch == 0 {
            return Err(Error::setting("batch", "must be at least 1"));
        }
        if self.attributes.attributes.is_empty() {
            return Err(Error::setting("attributes", "must hold at least one"));
        }
        let info = self.llm.info().map_err(Error::component("llm", "info"))?;
        Ok(Asking {
            llm: self.llm,
            strategy: self.strategy,
            cache: self.cache,
            asker: Asker::new(&info, self.strategy_name, self.attributes)?,
            batch: self.batch,
        })
    }

    fn calibrate(&self, what: &str, measured: Measured, n: usize) -> Result<(Tensor, Tally)> {
        let Measured {
            values,
            width,
            mut tally,
        } = measured;
        let raw = Tensor::f_from_slice(&values)?.f_reshape([n as i64, width as i64])?;
        let scores = self.strategy.calibrate(&raw, &raw);
        let scores = scores.map_err(Error::component("prompt strategy", "calibrate"))?;
        let (scores, missing) = fill(&scores)?;
        if n > 0 && missing == 1.0 {
            let reason = tally.problems.first().map_or("no reason given", |p| p);
            let text = format!("not one score of the {what} could be read; first reason: {reason}");
            return Err(fault("prompt strategy", "read", text));
        }
        tally.missing = missing;
        self.warn_of_flat(what, &scores)?;
        Ok((scores, tally))
    }

    /// An attribute on which all score the same says nothing: the model cannot answer when it is asked this way.
    fn warn_of_flat(&self, what: &str, scores: &Tensor) -> Result<()> {
        if scores.size().first().is_none_or(|&n| n < 2) {
            return Ok(());
        }
        let spread = scores
            .f_amax([0i64], false)?
            .f_sub(&scores.f_amin([0i64], false)?)?;
        let spread = Vec::<f32>::try_from(spread)?;
        let names = self.attributes.attributes.iter().map(|a| a.name.as_str());
        let flat: Vec<&str> = names
            .zip(spread)
            .filter_map(|(name, spread)| (spread == 0.0).then_some(name))
            .collect();
        if !flat.is_empty() {
            tracing::warn!(
                "all {what} score the same on {}: asked this way, the model cannot tell them apart; try another prompt \
                 strategy, such as `score_phrases`, or a larger model",
                flat.join(", ")
            );
        }
        Ok(())
    }
}

/// Replaces what is missing by its column's mean (0 where a whole column is), and gives the share that was.
fn fill(scores: &Tensor) -> Result<(Tensor, f64)> {
    let finite = scores.f_isfinite()?;
    let missing = finite.f_logical_not()?;
    let known = scores.f_where_self(&finite, &scores.f_zeros_like()?)?;
    let count = finite.f_sum_dim_intlist([0].as_slice(), true, Kind::Float)?;
    let mean = known
        .f_sum_dim_intlist([0].as_slice(), true, Kind::Float)?
        .f_div(&count.f_clamp_min(1.0)?)?;
    let share = missing.f_mean(Kind::Double)?.f_double_value(&[])?;
    let share = if share.is_nan() { 0.0 } else { share };
    Ok((scores.f_where_self(&finite, &mean)?, share))
}

/// Mean over the items that each user trained with; a user without any gets the mean over users.
///
/// # Shapes
/// `items` f32 `[V,m]`; result f32 `[U,m]`.
pub(crate) fn history_mean(split: &Split, items: &Tensor) -> Result<Tensor> {
    let (n, m) = (split.sequences.users(), items.size()[1] as usize);
    let table = Vec::<f32>::try_from(items.f_contiguous()?.f_view([-1])?)?;
    let mut means = vec![f32::NAN; n * m];
    for (u, row) in means.chunks_exact_mut(m).enumerate() {
        let history = split.train(u);
        if history.is_empty() {
            continue;
        }
        row.fill(0.0);
        for &item in history {
            let scores = table.chunks_exact(m).nth(item as usize).unwrap_or(&[]);
            row.iter_mut().zip(scores).for_each(|(a, b)| *a += b);
        }
        row.iter_mut().for_each(|v| *v /= history.len() as f32);
    }
    let means = Tensor::f_from_slice(&means)?.f_reshape([n as i64, m as i64])?;
    Ok(fill(&means)?.0)
}

#[cfg(test)]
#[path = "score_test.rs"]
mod tests;
