//! The layers that attention and the feed-forward network are made of.

use lapidary_sdk::prelude::*;

use crate::parameters::Parameters;

/// Added to the variance by the layer norms; the value of the paper's code.
const EPSILON: f64 = 1e-8;

/// `x Wᵀ + b` over the last axis.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(crate) fn new(parameters: &mut Parameters, name: &str, from: i64, to: i64) -> Result<Self> {
        Ok(Self {
            weight: parameters.normal(format!("{name}.weight"), &[to, from])?,
            bias: parameters.constant(format!("{name}.bias"), &[to], 0.0)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }
}

/// Layer norm over the last axis.
pub(crate) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    dim: i64,
}

impl LayerNorm {
    pub(crate) fn new(parameters: &mut Parameters, name: &str, dim: i64) -> Result<Self> {
        Ok(Self {
            weight: parameters.constant(format!("{name}.weight"), &[dim], 1.0)?,
            bias: parameters.constant(format!("{name}.bias"), &[dim], 0.0)?,
            dim,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        Ok(x.f_layer_norm([self.dim], weight, bias, EPSILON, true)?)
    }
}
