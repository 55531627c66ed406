//! The settings of a script, and what must hold among them.

use lapidary_sdk::nn::{
    Activation, NormOrder, check_blocks, check_dropout, check_init_std, check_sizes,
};
use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`crate::Bert4Rec`]. The defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Number of blocks, each of self-attention and a feed-forward network.
    #[schemars(range(min = 1))]
    pub layers: u32,
    /// Attention heads of a block; the embedding size must be a multiple of it.
    #[schemars(range(min = 1))]
    pub heads: i64,
    /// Probability of dropping a value in training: of the embedded input, the attention weights, and what each
    /// attention and feed-forward network gives.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout: f64,
    /// Probability that a position is masked in training. The paper tunes it to the data: 0.2 for long sequences as
    /// MovieLens', up to 0.6 for short ones.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub mask_probability: f64,
    /// Where the layer norms stand: `post`, after the residual sum, as in the paper; or `pre`, before attention and
    /// feed-forward network.
    pub norm: NormOrder,
    /// Width of the feed-forward network over the embedding size.
    #[schemars(range(min = 1))]
    pub hidden_factor: i64,
    /// Activation of the feed-forward network and the head: `gelu` or `relu`.
    pub activation: Activation,
    /// Whether a linear layer, the activation and a layer norm follow the blocks.
    pub head: bool,
    /// Standard deviation of the initial weights.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub init_std: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            layers: 2,
            heads: 2,
            dropout: 0.1,
            mask_probability: 0.2,
            norm: NormOrder::Post,
            hidden_factor: 4,
            activation: Activation::Gelu,
            head: true,
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
        if !(self.mask_probability > 0.0 && self.mask_probability <= 1.0) {
            return Err(Error::invalid(format!(
                "`mask_probability` must be greater than 0 and at most 1; found {}",
                self.mask_probability
            )));
        }
        check_init_std(self.init_std)
    }
}
