//! Settings of training.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schedule::{Decay, Schedule};
use crate::error::Result;
use crate::rank::{Measure, Metric};
use crate::settings::{self, OutOfRange, out_of_range};

/// How to train. Every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Passes over the training part at most.
    pub epochs: u32,
    /// Sequences in a batch, B.
    pub batch_size: usize,
    /// What is minimised.
    pub loss: LossKind,
    /// Sampled negatives: a position's own for `bce` and `bpr`, those that a batch shares for `sampled_cross_entropy` and
    /// `bpr_max`, which want hundreds.
    pub negatives: usize,
    /// Weight of the negatives' squared scores in `bpr_max`.
    pub score_regularisation: f64,
    /// The optimiser.
    pub optimiser: OptimiserKind,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from near 0.
    pub warmup_steps: u64,
    /// How the learning rate falls after that, until the last epoch.
    pub decay: Decay,
    /// Adam's decay of the mean gradient.
    pub beta1: f64,
    /// Adam's decay of the mean squared gradient.
    pub beta2: f64,
    /// Adam's guard against division by zero.
    pub epsilon: f64,
    /// Weight decay: added to the gradient by `adam`, taken from the weights by `adamw`.
    pub weight_decay: f64,
    /// Gradients are scaled down to this norm over all parameters; none leaves them.
    pub clip_norm: Option<f64>,
    /// Metric that decides which epoch is best: full ranking of the validation cases, seen items removed.
    pub validation: Metric,
    /// Further metrics to compute at each validation.
    pub report: Vec<Metric>,
    /// Epochs between validations.
    pub validate_every: u32,
    /// Validate on a seeded sample of so many cases; none takes all.
    pub validation_cases: Option<usize>,
    /// Stop after so many validations without a new best; 0 never stops early.
    pub patience: u32,
    /// Epochs between checkpoints.
    pub checkpoint_every: u32,
    /// Seed of all that is random.
    pub seed: u64,
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossKind {
    /// Cross-entropy over the whole catalogue.
    CrossEntropy,
    /// Cross-entropy over the target and sampled negatives, for catalogues of a million items.
    SampledCrossEntropy,
    /// Binary cross-entropy of the target and sampled negatives.
    Bce,
    /// Bayesian personalised ranking: the target against sampled negatives.
    Bpr,
    /// The same against the sampled negatives that score highest, by a soft maximum; GRU4Rec's loss of 2018.
    BprMax,
}

/// Which optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimiserKind {
    /// Adam (Kingma and Ba 2015).
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 200,
            batch_size: 256,
            loss: LossKind::CrossEntropy,
            negatives: 1,
            score_regularisation: 1.0,
            optimiser: OptimiserKind::Adam,
            learning_rate: 1e-3,
            warmup_steps: 0,
            decay: Decay::Constant,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip_norm: None,
            validation: Metric::at(Measure::Ndcg, 10),
            report: vec![
                Metric::at(Measure::Mrr, 10),
                Metric::at(Measure::Recall, 10),
            ],
            validate_every: 1,
            validation_cases: None,
            patience: 10,
            checkpoint_every: 1,
            seed: 0,
        }
    }
}

impl Settings {
    /// Checks the values' ranges.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) that tells all that cannot be used.
    pub fn check(&self, place: &str) -> Result<()> {
        settings::check(self, self.problems(), place)
    }

    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let share = |value: f64| (0.0..1.0).contains(&value);
        out_of_range([
            ("epochs", self.epochs > 0, "at least 1"),
            ("batch_size", self.batch_size > 0, "at least 1"),
            ("negatives", self.negatives > 0, "at least 1"),
            ("validate_every", self.validate_every > 0, "at least 1"),
            ("checkpoint_every", self.checkpoint_every > 0, "at least 1"),
            (
                "validation_cases",
                self.validation_cases != Some(0),
                "at least 1",
            ),
            ("learning_rate", positive(self.learning_rate), "above 0"),
            ("epsilon", positive(self.epsilon), "above 0"),
            ("clip_norm", self.clip_norm.is_none_or(positive), "above 0"),
            (
                "weight_decay",
                not_negative(self.weight_decay),
                "0 or above",
            ),
            (
                "score_regularisation",
                not_negative(self.score_regularisation),
                "0 or above",
            ),
            ("beta1", share(self.beta1), "from 0 to below 1"),
            ("beta2", share(self.beta2), "from 0 to below 1"),
        ])
    }

    /// The metrics of a validation, the deciding one first.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = vec![self.validation];
        for &metric in &self.report {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        metrics
    }

    /// The same settings for any number of epochs, where the first epochs of a longer training are those of a shorter one:
    /// the learning rate does not depend on the length, and the last epoch is not validated out of turn.
    pub(crate) fn of_any_length(&self) -> Option<Self> {
        let in_turn = self.epochs.is_multiple_of(self.validate_every.max(1));
        (self.decay == Decay::Constant && in_turn).then(|| Self {
            epochs: 0,
            ..self.clone()
        })
    }

    /// The learning rate at each of `steps` steps.
    pub(super) fn schedule(&self, steps: u64) -> Schedule {
        Schedule {
            peak: self.learning_rate,
            warmup: self.warmup_steps,
            decay: self.decay,
            steps,
        }
    }
}
