//! A block of a Transformer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, Visible};
use super::dropout::dropout;
use super::feed_forward::{Activation, FeedForward};
use super::layers::LayerNorm;
use super::parameters::Parameters;
use super::stack::Layer;
use crate::kinds::backbone::last_of;
use crate::prelude::*;

/// Where the layer norms stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormOrder {
    /// `x + f(norm(x))`
    Pre,
    /// `norm(x + f(x))`
    Post,
}

/// What a block is made like.
#[derive(Clone, Copy, Debug)]
pub struct BlockSettings {
    /// Embedding size, d.
    pub dim: i64,
    /// Attention heads; d is a multiple of it.
    pub heads: i64,
    /// Width of the feed-forward network over d.
    pub hidden_factor: i64,
    /// Activation of the feed-forward network.
    pub activation: Activation,
    /// Where the layer norms stand.
    pub norm: NormOrder,
    /// Added to the variance by the layer norms.
    pub epsilon: f64,
    /// Probability of dropping a value in training: of the attention weights, and of what attention and feed-forward
    /// network give.
    pub dropout: f64,
}

/// Self-attention and a feed-forward network, each with a norm, dropout and a residual sum.
pub struct Block {
    attention_norm: LayerNorm,
    attention: Attention,
    feed_forward_norm: LayerNorm,
    feed_forward: FeedForward,
    order: NormOrder,
    dropout: f64,
}

impl Block {
    /// The block `layers.{number}`.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(parameters: &mut Parameters, number: u32, settings: &BlockSettings) -> Result<Self> {
        let name = |part: &str| format!("layers.{number}.{part}");
        let &BlockSettings {
            dim,
            heads,
            hidden_factor,
            activation,
            norm,
            epsilon,
            dropout,
        } = settings;
        let hidden = dim * hidden_factor;
        let feed = name("feed_forward");
        Ok(Self {
            attention_norm: LayerNorm::new(parameters, &name("attention.norm"), dim, epsilon)?,
            attention: Attention::new(parameters, &name("attention"), dim, heads, dropout)?,
            feed_forward_norm: LayerNorm::new(parameters, &format!("{feed}.norm"), dim, epsilon)?,
            feed_forward: FeedForward::new(parameters, &feed, dim, hidden, activation)?,
            order: norm,
            dropout,
        })
    }

    fn residual(
        &self,
        x: &Tensor,
        norm: &LayerNorm,
        inner: impl Fn(&Tensor) -> Result<Tensor>,
        train: bool,
    ) -> Result<Tensor> {
        match self.order {
            NormOrder::Pre => {
                let given = inner(&norm.forward(x)?)?;
                Ok(dropout(&given, self.dropout, train)?.f_add(x)?)
            }
            NormOrder::Post => {
                let given = inner(x)?;
                norm.forward(&dropout(&given, self.dropout, train)?.f_add(x)?)
            }
        }
    }
}

impl Layer for Block {
    fn forward(&self, x: &Tensor, visible: &Visible, train: bool) -> Result<Tensor> {
        let attend = |x: &Tensor| self.attention.forward(x, visible, train);
        let x = self.residual(x, &self.attention_norm, attend, train)?;
        let feed = |x: &Tensor| self.feed_forward.forward(x);
        self.residual(&x, &self.feed_forward_norm, feed, train)
    }

    fn last(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (norm, last) = (&self.attention_norm, last_of(x, mask)?);
        let x = match self.order {
            NormOrder::Pre => {
                let (asking, x) = (norm.forward(&last)?, norm.forward(x)?);
                self.attention.one(&asking, &x, mask)?.f_add(&last)?
            }
            NormOrder::Post => norm.forward(&self.attention.one(&last, x, mask)?.f_add(&last)?)?,
        };
        let feed = |x: &Tensor| self.feed_forward.forward(x);
        self.residual(&x, &self.feed_forward_norm, feed, false)
    }
}
