//! Blocks one after the other.

use super::attention::Visible;
use crate::kinds::backbone::last_of;
use crate::prelude::*;

/// A block of a Transformer.
pub trait Layer {
    /// # Shapes
    /// `x` and the result f32 `[B,L,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    fn forward(&self, x: &Tensor, visible: &Visible, train: bool) -> Result<Tensor>;

    /// What [`Self::forward`] has at each row's last real position, without dropout: it sees all real ones, whichever
    /// way a model looks.
    ///
    /// # Shapes
    /// `x` f32 `[B,L,d]`, `mask` bool `[B,L]`, the result f32 `[B,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    fn last(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor>;
}

/// Blocks of which each reads what the one before it gives.
pub struct Stack<L>(Vec<L>);

impl<L: Layer> Stack<L> {
    /// The blocks in their order.
    pub fn new(layers: Vec<L>) -> Self {
        Self(layers)
    }

    /// # Shapes
    /// `x` and the result f32 `[B,L,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward(&self, x: Tensor, visible: &Visible, train: bool) -> Result<Tensor> {
        through(&self.0, x, visible, train)
    }

    /// What [`Self::forward`] has at each row's last real position, without dropout. The last block computes nothing else.
    ///
    /// # Shapes
    /// `x` f32 `[B,L,d]`, `mask` bool `[B,L]`, the result f32 `[B,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn last(&self, x: Tensor, visible: &Visible, mask: &Tensor) -> Result<Tensor> {
        match self.0.split_last() {
            Some((last, before)) => last.last(&through(before, x, visible, false)?, mask),
            None => last_of(&x, mask),
        }
    }
}

fn through<L: Layer>(layers: &[L], x: Tensor, visible: &Visible, train: bool) -> Result<Tensor> {
    layers
        .iter()
        .try_fold(x, |x, layer| layer.forward(&x, visible, train))
}
