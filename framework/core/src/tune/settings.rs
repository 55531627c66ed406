//! Settings of fine-tuning.

use lapidary_sdk::kinds::LoraSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::rank::{Measure, Metric};
use crate::settings::{self, OutOfRange, out_of_range};
use crate::train::{self, Decay, OptimiserKind, Schedule};

/// How to fine-tune. Every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TuneSettings {
    /// Linear maps that are adapted, by the ends of their names.
    pub targets: Vec<String>,
    /// Rank of the adapter.
    pub rank: u32,
    /// The adapter's products are scaled by `alpha / rank`.
    pub alpha: f64,
    /// Attributes to train on; none takes all.
    pub attributes: Option<Vec<String>>,
    /// Train on so many phrases of each attribute, its first ones; none takes all.
    pub phrases: Option<usize>,
    /// Most users to train on, a seeded sample of those with two training items.
    pub users: usize,
    /// Passes over these users at most.
    pub epochs: u32,
    /// Users whose prompts go through the model together, B.
    pub batch_size: usize,
    /// Batches whose gradients are added up before a step.
    pub accumulate: usize,
    /// Sampled items against which the next one stands.
    pub negatives: usize,
    /// Scores are divided by it, and by the root of the number of attributes, before the cross-entropy.
    pub temperature: f64,
    /// Weight of the format loss; 0 leaves it out.
    pub format_weight: f64,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from near 0.
    pub warmup_steps: u64,
    /// How the learning rate falls after that.
    pub decay: Decay,
    /// Weight decay, as AdamW has it.
    pub weight_decay: f64,
    /// Gradients are scaled down to this norm over all parameters; none leaves them.
    pub clip_norm: Option<f64>,
    /// Metric that decides which epoch is best: full ranking by the guided part alone, seen items removed.
    pub validation: Metric,
    /// Further metrics to compute at each validation.
    pub report: Vec<Metric>,
    /// Most validation cases, a seeded sample.
    pub validation_cases: usize,
    /// Stop after so many epochs without a new best; 0 never stops early.
    pub patience: u32,
    /// Steps between checkpoints; there is one after each epoch, too.
    pub checkpoint_every: u64,
    /// Seed of all that is random.
    pub seed: u64,
}

impl Default for TuneSettings {
    fn default() -> Self {
        Self {
            targets: vec!["q_proj".to_owned(), "v_proj".to_owned()],
            rank: 8,
            alpha: 16.0,
            attributes: None,
            phrases: None,
            users: 256,
            epochs: 3,
            batch_size: 2,
            accumulate: 4,
            negatives: 64,
            temperature: 1.0,
            format_weight: 0.1,
            learning_rate: 2e-4,
            warmup_steps: 0,
            decay: Decay::Constant,
            weight_decay: 0.0,
            clip_norm: Some(1.0),
            validation: Metric::at(Measure::Ndcg, 10),
            report: vec![
                Metric::at(Measure::Mrr, 10),
                Metric::at(Measure::Recall, 10),
            ],
            validation_cases: 256,
            patience: 2,
            checkpoint_every: 16,
            seed: 0,
        }
    }
}

impl TuneSettings {
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
        let some = |names: &Vec<String>| !names.is_empty();
        out_of_range([
            ("targets", some(&self.targets), "a list of at least one"),
            (
                "attributes",
                self.attributes.as_ref().is_none_or(some),
                "a list of at least one",
            ),
            ("rank", self.rank > 0, "at least 1"),
            ("phrases", self.phrases != Some(0), "at least 1"),
            ("users", self.users > 0, "at least 1"),
            ("epochs", self.epochs > 0, "at least 1"),
            ("batch_size", self.batch_size > 0, "at least 1"),
            ("accumulate", self.accumulate > 0, "at least 1"),
            ("negatives", self.negatives > 0, "at least 1"),
            ("validation_cases", self.validation_cases > 0, "at least 1"),
            ("checkpoint_every", self.checkpoint_every > 0, "at least 1"),
            ("alpha", positive(self.alpha), "above 0"),
            ("temperature", positive(self.temperature), "above 0"),
            ("learning_rate", positive(self.learning_rate), "above 0"),
            ("clip_norm", self.clip_norm.is_none_or(positive), "above 0"),
            (
                "format_weight",
                not_negative(self.format_weight),
                "0 or above",
            ),
            (
                "weight_decay",
                not_negative(self.weight_decay),
                "0 or above",
            ),
        ])
    }

    /// What the model is told.
    pub(super) fn lora(&self) -> LoraSettings {
        LoraSettings {
            targets: self.targets.clone(),
            rank: self.rank,
            alpha: self.alpha,
            seed: self.seed,
        }
    }

    /// What the optimiser is told.
    pub(super) fn optimiser(&self) -> train::Settings {
        train::Settings {
            optimiser: OptimiserKind::Adamw,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            ..train::Settings::default()
        }
    }

    /// Users whose gradients make one step.
    pub(super) fn step_users(&self) -> usize {
        self.batch_size.saturating_mul(self.accumulate)
    }

    /// The learning rate at each step, `users` of them trained on in an epoch.
    pub(super) fn schedule(&self, users: usize) -> Schedule {
        Schedule {
            peak: self.learning_rate,
            warmup: self.warmup_steps,
            decay: self.decay,
            steps: u64::from(self.epochs) * users.div_ceil(self.step_users()) as u64,
        }
    }
}
