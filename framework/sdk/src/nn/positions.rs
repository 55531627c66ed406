//! Learned positions, counted from the end.

use super::parameters::Parameters;
use crate::prelude::*;

/// A vector for each position. The last item of a row is always at position `max_len − 1`, as in the reference
/// implementations, which pad on the left: place `t` of a row of length `len` is position `max_len − len + t`.
pub struct Positions {
    weight: Tensor,
    max_len: i64,
}

impl Positions {
    /// The parameter `position.weight`, `[max_len,d]`.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(parameters: &mut Parameters, max_len: i64, dim: i64) -> Result<Self> {
        Ok(Self {
            weight: parameters.normal("position.weight".to_owned(), &[max_len, dim])?,
            max_len,
        })
    }

    /// # Shapes
    /// `mask` bool `[B,L]`, true at real positions; result f32 `[B,L,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward(&self, mask: &Tensor) -> Result<Tensor> {
        let (_, length) = mask.size2()?;
        let lengths = mask.f_sum_dim_intlist(1, true, DType::Int64)?;
        let places = Tensor::f_arange(length, (DType::Int64, mask.device()))?;
        // Padded places would run past the table; which vector they get is of no consequence.
        let positions = (places.f_sub(&lengths)?)
            .f_add_scalar(self.max_len)?
            .f_clamp_max(self.max_len - 1)?;
        Ok(Tensor::f_embedding(
            &self.weight,
            &positions,
            -1,
            false,
            false,
        )?)
    }
}
