//! The population that soft scores are compared with.

use lapidary_sdk::kinds::PromptStrategy;
use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// Below this spread an attribute tells nothing.
const CONSTANT: f64 = 1e-6;

/// Raw measurements of some users, and how their scores spread.
#[derive(Debug)]
pub(super) struct Reference {
    /// f32 `[M,r]`.
    pub raw: Tensor,
    /// f32 `[1,m]`.
    mean: Tensor,
    /// f32 `[1,m]`; 0 for an attribute that tells nothing.
    factor: Tensor,
}

impl Reference {
    /// The users with these raw measurements f32 `[M,r]`.
    pub fn new(strategy: &dyn PromptStrategy, raw: Tensor) -> Result<Self> {
        let _no_grad = tch::no_grad_guard();
        let scores = calibrate(strategy, &raw, &raw)?;
        let mean = scores.f_nanmean([0].as_slice(), true, Kind::Float)?;
        let square = scores.f_sub(&mean)?.f_square()?;
        let spread = square
            .f_nanmean([0].as_slice(), true, Kind::Float)?
            .f_sqrt()?;
        let varies = spread.f_gt(CONSTANT)?.f_to_kind(Kind::Float)?;
        Ok(Self {
            factor: varies
                .f_div(&spread.f_clamp_min(CONSTANT)?)?
                .f_nan_to_num(0.0, 0.0, 0.0)?,
            mean: mean.f_nan_to_num(0.0, 0.0, 0.0)?,
            raw,
        })
    }

    /// Normalised scores f32 `[N,m]` of users with raw measurements f32 `[N,r]`: mean 0 and deviation 1 over the
    /// reference. What could not be read is 0. Gradients flow.
    pub fn scores(&self, strategy: &dyn PromptStrategy, raw: &Tensor) -> Result<Tensor> {
        let scores = calibrate(strategy, raw, &self.raw)?;
        let scores = scores.f_sub(&self.mean)?.f_mul(&self.factor)?;
        Ok(scores.f_nan_to_num(0.0, 0.0, 0.0)?)
    }
}

fn calibrate(strategy: &dyn PromptStrategy, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
    let scores = strategy.calibrate(raw, reference);
    scores.map_err(Error::component("prompt strategy", "calibrate"))
}
