//! What steering does to the lists, and what it costs.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{Steer, Steered, refuse_without_attributes};
use crate::data::{Case, Split};
use crate::error::{Error, Result};
use crate::rank::{Measure, Metric, Options, TopLists, rank};
use crate::settings::{self, OutOfRange, out_of_range};
use crate::train::Model;

/// How steering is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SteeringSettings {
    /// The attribute.
    pub attribute: String,
    /// How far users are moved, in the unit of [`Steer`]; losses count against the first.
    pub steps: Vec<f64>,
    /// Length of the lists, and cut-off of the metrics.
    pub k: usize,
}

impl Default for SteeringSettings {
    fn default() -> Self {
        Self {
            attribute: String::new(),
            steps: vec![0.0, 1.0, 2.0, 4.0],
            k: 10,
        }
    }
}

impl SteeringSettings {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        let some = !self.steps.is_empty();
        out_of_range([
            (
                "steps",
                some,
                "a list of at least one, such as { 0, 1, 2, 4 }",
            ),
            ("k", self.k > 0, "at least 1"),
        ])
    }

    /// Refuses what cannot be measured with a model of these attributes.
    ///
    /// # Errors
    /// [`Error::Setting`], or [`Error::Unknown`] with the nearest attribute.
    pub fn check(&self, attributes: &[String]) -> Result<()> {
        refuse_without_attributes("steering", attributes)?;
        if self.attribute.is_empty() {
            let reason = format!("is missing; the model has {}", attributes.join(", "));
            return Err(Error::setting("steering, `attribute`", reason));
        }
        settings::check(self, self.problems(), "steering")?;
        let steers = self.steps.iter().map(|&step| self.steer(step));
        steers.into_iter().try_for_each(|s| s.check(attributes))
    }

    fn steer(&self, step: f64) -> Steer {
        Steer(BTreeMap::from([(self.attribute.clone(), step)]))
    }
}

/// What steering does, step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// The attribute.
    pub attribute: String,
    /// Number of cases.
    pub cases: usize,
    /// Length of the lists.
    pub k: usize,
    /// Each step.
    pub steps: Vec<Step>,
}

/// The lists of users who are moved one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How far.
    pub step: f64,
    /// Mean of the listed items' scores on the attribute, in standard deviations from the mean of all items.
    pub mean: f64,
    /// Recall at k.
    pub recall: f64,
    /// NDCG at k.
    pub ndcg: f64,
    /// Share of the first step's recall that is lost; none where that was 0.
    pub recall_loss: Option<f64>,
    /// Share of the first step's NDCG that is lost; none where that was 0.
    pub ndcg_loss: Option<f64>,
}

impl fmt::Display for Steering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            attribute,
            cases,
            k,
            steps,
        } = self;
        write!(f, "{cases} cases steered by {attribute}, best {k}\n  ")?;
        write!(f, "{:>6}  {:>10}", "step", "mean score")?;
        let metric = |measure| Metric::at(measure, *k as u32).to_string();
        let columns = [metric(Measure::Recall), metric(Measure::Ndcg)];
        write!(f, "  {:>18}  {:>18}", columns[0], columns[1])?;
        for Step {
            step,
            mean,
            recall,
            ndcg,
            recall_loss,
            ndcg_loss,
        } in steps
        {
            write!(f, "\n  {step:>+6}  {mean:>+10.3}")?;
            for (value, loss) in [(recall, recall_loss), (ndcg, ndcg_loss)] {
                let change = loss.map(|loss| format!(" ({:+.1} %)", 0.0 - 100.0 * loss));
                let cell = format!("{value:.4}{}", change.unwrap_or_default());
                write!(f, "  {cell:>18}")?;
            }
        }
        Ok(())
    }
}

/// Moves all users along an attribute, step by step, and ranks the whole catalogue for each case: what the lists become,
/// and how well they still find the targets. Seen items are left out.
///
/// # Shapes
/// `scores` f32 `[V]`: the items' scores on the attribute.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot be used; see [`rank`] for the rest.
pub fn steering(
    model: &Model,
    split: &Split,
    cases: &[Case],
    scores: &Tensor,
    settings: &SteeringSettings,
) -> Result<Steering> {
    settings.check(model.attributes())?;
    let standing = standardised(scores)?;
    let options = Options {
        lists: Some(settings.k),
        ..Options::default()
    };
    let cut_off = u32::try_from(settings.k).unwrap_or(u32::MAX);
    let mut steps: Vec<Step> = Vec::with_capacity(settings.steps.len());
    for &step in &settings.steps {
        let steered = Steered::new(model, &settings.steer(step))?;
        let ranking = rank(&steered, split, cases, &options)?;
        let value = |m: Measure| ranking.unseen.mean(Metric::at(m, cut_off), ranking.n_items);
        let (recall, ndcg) = (value(Measure::Recall), value(Measure::Ndcg));
        let before = steps.first().map_or((recall, ndcg), |s| (s.recall, s.ndcg));
        let loss = |now: f64, before: f64| (before > 0.0).then(|| 1.0 - now / before);
        steps.push(Step {
            step,
            mean: mean(ranking.unseen.top.as_ref(), &standing),
            recall,
            ndcg,
            recall_loss: loss(recall, before.0),
            ndcg_loss: loss(ndcg, before.1),
        });
    }
    Ok(Steering {
        attribute: settings.attribute.clone(),
        cases: cases.len(),
        k: settings.k,
        steps,
    })
}

/// Scores in standard deviations from their mean; 0 where they do not vary.
fn standardised(scores: &Tensor) -> Result<Vec<f64>> {
    let scores = scores.f_detach()?.f_to_device(Device::Cpu)?;
    let mut values = Vec::<f64>::try_from(scores.f_to_kind(Kind::Double)?.f_contiguous()?)?;
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let scale = if spread > 0.0 { 1.0 / spread } else { 0.0 };
    values.iter_mut().for_each(|v| *v = (*v - mean) * scale);
    Ok(values)
}

/// Mean over all listed items.
fn mean(lists: Option<&TopLists>, standing: &[f64]) -> f64 {
    let items = lists.map_or(&[][..], |lists| lists.items.as_slice());
    let of = items.iter().filter_map(|&item| standing.get(item as usize));
    of.sum::<f64>() / items.len().max(1) as f64
}
