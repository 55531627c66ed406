//! A block of LiGR.

use lapidary_sdk::kinds::backbone::last_of;
use lapidary_sdk::nn::{Attention, Layer, LayerNorm, Linear, Parameters, Visible, dropout};
use lapidary_sdk::prelude::*;

use crate::settings::Settings;

/// Added to the variance by the layer norms.
const EPSILON: f64 = 1e-5;

/// Self-attention and a feed-forward network, each after a layer norm and added as much as a gate lets through.
pub(crate) struct Block {
    attention_norm: LayerNorm,
    attention: Attention,
    attention_gate: Linear,
    feed_forward_norm: LayerNorm,
    feed_forward: SwiGlu,
    feed_forward_gate: Linear,
    dropout: f64,
}

impl Block {
    /// The block `layers.{number}`.
    pub(crate) fn new(
        parameters: &mut Parameters,
        number: u32,
        dim: i64,
        settings: &Settings,
    ) -> Result<Self> {
        let name = |part: &str| format!("layers.{number}.{part}");
        let (heads, dropout) = (settings.heads, settings.dropout);
        let feed = name("feed_forward");
        let norm = |parameters: &mut Parameters, part: &str| {
            LayerNorm::new(parameters, &name(part), dim, EPSILON)
        };
        let gate = |parameters: &mut Parameters, part: &str| {
            Linear::new(parameters, &name(part), dim, dim)
        };
        Ok(Self {
            attention_norm: norm(parameters, "attention.norm")?,
            attention: Attention::new(parameters, &name("attention"), dim, heads, dropout)?,
            attention_gate: gate(parameters, "attention.gate")?,
            feed_forward_norm: norm(parameters, "feed_forward.norm")?,
            feed_forward: SwiGlu::new(parameters, &feed, dim, settings)?,
            feed_forward_gate: gate(parameters, "feed_forward.gate")?,
            dropout,
        })
    }

    fn feed(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let normed = self.feed_forward_norm.forward(x)?;
        let given = self.feed_forward.forward(&normed, train)?;
        self.add(x, &given, &self.feed_forward_gate, train)
    }

    /// `x + σ(gate(x)) ⊙ given`
    fn add(&self, x: &Tensor, given: &Tensor, gate: &Linear, train: bool) -> Result<Tensor> {
        let open = gate.forward(x)?.f_sigmoid()?;
        Ok(x.f_add(&open.f_mul(&dropout(given, self.dropout, train)?)?)?)
    }
}

impl Layer for Block {
    fn forward(&self, x: &Tensor, visible: &Visible, train: bool) -> Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let seen = self.attention.forward(&normed, visible, train)?;
        self.feed(&self.add(x, &seen, &self.attention_gate, train)?, train)
    }

    fn last(&self, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let normed = self.attention_norm.forward(x)?;
        let seen = self
            .attention
            .one(&last_of(&normed, mask)?, &normed, mask)?;
        let last = self.add(&last_of(x, mask)?, &seen, &self.attention_gate, false)?;
        self.feed(&last, false)
    }
}

/// A feed-forward network whose hidden layer is a product, SwiGLU (Shazeer 2020, <https://arxiv.org/abs/2002.05202>).
struct SwiGlu {
    inner: Linear,
    factor: Linear,
    outer: Linear,
    dropout: f64,
}

impl SwiGlu {
    fn new(parameters: &mut Parameters, name: &str, dim: i64, settings: &Settings) -> Result<Self> {
        let hidden = dim * settings.hidden_factor;
        let mut linear =
            |part: &str, from, to| Linear::new(parameters, &format!("{name}.{part}"), from, to);
        Ok(Self {
            inner: linear("inner", dim, hidden)?,
            factor: linear("factor", dim, hidden)?,
            outer: linear("outer", hidden, dim)?,
            dropout: settings.dropout,
        })
    }

    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let active = self.inner.forward(x)?.f_silu()?;
        let hidden = active.f_mul(&self.factor.forward(x)?)?;
        self.outer.forward(&dropout(&hidden, self.dropout, train)?)
    }
}
