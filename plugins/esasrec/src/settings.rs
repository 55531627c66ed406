//! The settings of a script, and what must hold among them.

use lapidary_sdk::nn::{check_blocks, check_dropout, check_init_std, check_sizes};
use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`crate::ESasRec`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Number of blocks, each of self-attention and a feed-forward network.
    #[schemars(range(min = 1))]
    pub layers: u32,
    /// Attention heads of a block; the embedding size must be a multiple of it.
    #[schemars(range(min = 1))]
    pub heads: i64,
    /// Probability of dropping a value in training: of the embedded input, the attention weights, what is within each
    /// feed-forward network, and what each attention and feed-forward network gives.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// Width of the feed-forward network over the embedding size.
    #[schemars(range(min = 1))]
    pub hidden_factor: i64,
    /// Standard deviation of the initial weights.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub init_std: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            layers: 2,
            heads: 2,
            dropout: 0.2,
            hidden_factor: 4,
            init_std: 0.02,
        }
    }
}

impl Settings {
    /// Checks the settings against each other and the context.
    pub(crate) fn check(&self, context: &BackboneContext) -> Result<()> {
        check_sizes(context)?;
        check_blocks(context.dim, self.layers, self.hidden_factor, self.heads)?;
        check_dropout("dropout", self.dropout)?;
        check_init_std(self.init_std)
    }
}
