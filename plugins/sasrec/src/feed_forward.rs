//! The point-wise feed-forward network.

use lapidary_sdk::prelude::*;

use crate::layers::Linear;
use crate::parameters::Parameters;
use crate::settings::{Activation, Settings};

/// Two linear layers with an activation between them, at each position alone.
pub(crate) struct FeedForward {
    inner: Linear,
    outer: Linear,
    activation: Activation,
}

impl FeedForward {
    pub(crate) fn new(
        parameters: &mut Parameters,
        name: &str,
        dim: i64,
        settings: &Settings,
    ) -> Result<Self> {
        let hidden = dim * settings.hidden_factor;
        Ok(Self {
            inner: Linear::new(parameters, &format!("{name}.inner"), dim, hidden)?,
            outer: Linear::new(parameters, &format!("{name}.outer"), hidden, dim)?,
            activation: settings.activation,
        })
    }

    /// # Shapes
    /// `x` and the result f32 `[B,L,d]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = self.inner.forward(x)?;
        let active = match self.activation {
            Activation::Relu => hidden.f_relu()?,
            Activation::Gelu => hidden.f_gelu("none")?,
        };
        self.outer.forward(&active)
    }
}
