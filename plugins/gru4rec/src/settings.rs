//! The settings of a script, and what must hold among them.

use lapidary_sdk::nn::{check_dropout, check_init_std, check_sizes};
use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`crate::Gru4Rec`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Number of layers of gated recurrent units.
    #[schemars(range(min = 1))]
    pub layers: u32,
    /// Units of a layer; left out, as many as the embedding size. With another number a linear layer leads back to the
    /// embedding size.
    #[schemars(range(min = 1))]
    pub hidden: Option<i64>,
    /// Probability of dropping a value of the embedded input in training.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout_embedding: f64,
    /// Probability of dropping a value of each layer's hidden states in training.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub dropout_hidden: f64,
    /// Whether the input is multiplied by the square root of the embedding size.
    pub scale_input: bool,
    /// Standard deviation of the initial weights, drawn normally; left out, they are drawn as Glorot and Bengio do, as in
    /// the authors' code.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub init_std: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            layers: 1,
            hidden: None,
            dropout_embedding: 0.2,
            dropout_hidden: 0.2,
            scale_input: true,
            init_std: None,
        }
    }
}

impl Settings {
    /// Checks the settings and the context.
    pub(crate) fn check(&self, context: &BackboneContext) -> Result<()> {
        check_sizes(context)?;
        if self.layers < 1 {
            return Err(Error::invalid(format!(
                "`layers` must be at least 1; found {}",
                self.layers
            )));
        }
        if let Some(hidden) = self.hidden.filter(|units| *units < 1) {
            return Err(Error::invalid(format!(
                "`hidden` must be at least 1; found {hidden}"
            )));
        }
        check_dropout("dropout_embedding", self.dropout_embedding)?;
        check_dropout("dropout_hidden", self.dropout_hidden)?;
        self.init_std.map_or(Ok(()), check_init_std)
    }
}
