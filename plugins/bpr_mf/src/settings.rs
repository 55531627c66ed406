//! The settings of a script, and what must hold among them.

use lapidary_sdk::nn::{
    Passes, check_at_least_one, check_init_std, check_not_negative, check_positive, check_share,
};
use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`crate::BprMf`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Learning rate of Adam.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Weight of the squared vectors in the loss: half of it times the squared length of each vector that a triple
    /// touches.
    #[schemars(range(min = 0))]
    pub regularisation: f64,
    /// Triples of a user, an item they had and one they had not in a step.
    #[schemars(range(min = 1))]
    pub batch_size: u32,
    /// Most passes over the interactions.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Share of the users whose last training interaction is held out to see when training should end; with 0 all are
    /// trained on, for all epochs.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub validation: f64,
    /// Training ends when the held-out items were ranked no better for this many epochs; the best state counts.
    #[schemars(range(min = 1))]
    pub patience: u32,
    /// Standard deviation of the initial values.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub init_std: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            learning_rate: 0.01,
            regularisation: 0.01,
            batch_size: 1024,
            epochs: 200,
            validation: 0.1,
            patience: 10,
            init_std: 0.1,
        }
    }
}

impl Settings {
    /// How often the interactions are seen.
    pub(crate) fn passes(&self) -> Passes {
        Passes {
            epochs: self.epochs,
            batch_size: self.batch_size,
            patience: self.patience,
        }
    }

    /// Checks the settings and the context.
    pub(crate) fn check(&self, context: &BaseEmbedderContext) -> Result<()> {
        check_at_least_one("dim", context.dim)?;
        check_positive("learning_rate", self.learning_rate)?;
        check_not_negative("regularisation", self.regularisation)?;
        check_at_least_one("batch_size", self.batch_size)?;
        check_at_least_one("epochs", self.epochs)?;
        check_share("validation", self.validation)?;
        check_at_least_one("patience", self.patience)?;
        check_init_std(self.init_std)
    }
}
