//! The layers that others are made of.

use super::parameters::Parameters;
use crate::prelude::*;

/// `x Wᵀ + b` over the last axis.
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// Parameters `{name}.weight`, `[to,from]`, and `{name}.bias`, `[to]`.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(parameters: &mut Parameters, name: &str, from: i64, to: i64) -> Result<Self> {
        Ok(Self {
            weight: parameters.normal(format!("{name}.weight"), &[to, from])?,
            bias: parameters.constant(format!("{name}.bias"), &[to], 0.0)?,
        })
    }

    /// # Shapes
    /// `x` f32 `[…,from]`, the result f32 `[…,to]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }

    /// Columns `first..first + count` of [`Self::forward`] alone.
    pub(super) fn part(&self, x: &Tensor, first: i64, count: i64) -> Result<Tensor> {
        let (weight, bias) = (&self.weight, &self.bias);
        let bias = bias.f_narrow(0, first, count)?;
        Ok(x.f_linear(&weight.f_narrow(0, first, count)?, Some(&bias))?)
    }
}

/// Layer norm over the last axis.
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    dim: i64,
    epsilon: f64,
}

impl LayerNorm {
    /// Parameters `{name}.weight` and `{name}.bias`, `[dim]`; `epsilon` is added to the variance.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(parameters: &mut Parameters, name: &str, dim: i64, epsilon: f64) -> Result<Self> {
        Ok(Self {
            weight: parameters.constant(format!("{name}.weight"), &[dim], 1.0)?,
            bias: parameters.constant(format!("{name}.bias"), &[dim], 0.0)?,
            dim,
            epsilon,
        })
    }

    /// # Shapes
    /// `x` and the result f32 `[…,dim]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        Ok(x.f_layer_norm([self.dim], weight, bias, self.epsilon, true)?)
    }
}
