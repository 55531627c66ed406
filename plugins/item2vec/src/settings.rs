//! The settings of a script, and what must hold among them.

use lapidary_sdk::nn::{check_at_least_one, check_not_negative, check_positive};
use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`crate::Item2Vec`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Two items stand together if at most this many places lie from one to the other; 0: if they are in one history,
    /// however far apart, as in the paper.
    pub window: u32,
    /// Negative samples for each pair of items that stand together.
    #[schemars(range(min = 1))]
    pub negatives: u32,
    /// Negatives are drawn in proportion to how often an item occurs, raised to this power.
    #[schemars(range(min = 0))]
    pub negatives_power: f64,
    /// Of items that are a larger share of all interactions than this, occurrences are left out at random, the more the
    /// more frequent they are; 0 leaves out none.
    #[schemars(range(min = 0))]
    pub subsample: f64,
    /// Learning rate of Adam.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Pairs of a step, about.
    #[schemars(range(min = 1))]
    pub batch_size: u32,
    /// Passes over the histories; few interactions need more.
    #[schemars(range(min = 1))]
    pub epochs: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: 5,
            negatives: 5,
            negatives_power: 0.75,
            subsample: 1e-3,
            learning_rate: 0.01,
            batch_size: 1024,
            epochs: 20,
        }
    }
}

impl Settings {
    /// Checks the settings and the context.
    pub(crate) fn check(&self, context: &BaseEmbedderContext) -> Result<()> {
        check_at_least_one("dim", context.dim)?;
        check_at_least_one("negatives", self.negatives)?;
        check_not_negative("negatives_power", self.negatives_power)?;
        check_not_negative("subsample", self.subsample)?;
        check_positive("learning_rate", self.learning_rate)?;
        check_at_least_one("batch_size", self.batch_size)?;
        check_at_least_one("epochs", self.epochs)
    }
}
