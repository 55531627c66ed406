//! The point-wise feed-forward network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::layers::Linear;
use super::parameters::Parameters;
use crate::prelude::*;

/// Activation of the feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `x Φ(x)`, exactly.
    Gelu,
}

impl Activation {
    /// Value by value.
    ///
    /// # Errors
    /// When memory is short.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Relu => x.f_relu()?,
            Self::Gelu => x.f_gelu("none")?,
        })
    }
}

/// Two linear layers with an activation between them, at each position alone.
pub struct FeedForward {
    inner: Linear,
    outer: Linear,
    activation: Activation,
}

impl FeedForward {
    /// Parameters `{name}.inner` and `{name}.outer`.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(
        parameters: &mut Parameters,
        name: &str,
        dim: i64,
        hidden: i64,
        activation: Activation,
    ) -> Result<Self> {
        Ok(Self {
            inner: Linear::new(parameters, &format!("{name}.inner"), dim, hidden)?,
            outer: Linear::new(parameters, &format!("{name}.outer"), hidden, dim)?,
            activation,
        })
    }

    /// # Shapes
    /// `x` and the result f32 `[B,L,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = self.inner.forward(x)?;
        self.outer.forward(&self.activation.forward(&hidden)?)
    }
}
