//! A layer of a model: attention, a feed-forward part, and their norms.

use lapidary_sdk::prelude::*;

use crate::attention::Attention;
use crate::cache::Past;
use crate::config::Config;
use crate::model::{Linear, chosen};
use crate::rope::Rotation;
use crate::tree::Layout;
use crate::weights::Weights;

/// Root-mean-square norm (Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>).
#[derive(Debug)]
pub struct Norm {
    weight: Tensor,
    eps: f64,
}

impl Norm {
    /// Reads `name.weight` of shape `[size]`.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    pub fn read(weights: &Weights, name: &str, size: i64, config: &Config) -> Result<Self> {
        let weight = weights.get(&format!("{name}.weight"), &[size])?;
        Ok(Self {
            weight,
            eps: config.norm_eps,
        })
    }

    /// The same with what `change` makes of its weight `[size]`.
    ///
    /// # Errors
    /// When `change` fails.
    pub fn map(self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let weight = change(&self.weight)?;
        Ok(Self { weight, ..self })
    }

    /// Norms the last axis of `[…,size]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.f_rms_norm(self.weight.size(), Some(&self.weight), self.eps)?)
    }
}

/// Feed-forward part with a gate, SwiGLU or GEGLU (Shazeer 2020, <https://arxiv.org/abs/2002.05202>).
#[derive(Debug)]
struct FeedForward {
    gate: Linear,
    up: Linear,
    down: Linear,
    /// Whether the gate is a GELU, in the form with tanh, and no SiLU.
    gelu: bool,
}

impl FeedForward {
    fn read(weights: &Weights, name: &str, config: &Config) -> Result<Self> {
        let (dim, inner) = (config.dim, config.ffn_dim);
        let read =
            |part: &str, from, to| Linear::read(weights, &format!("{name}.{part}"), from, to);
        Ok(Self {
            gate: read("gate_proj", dim, inner)?,
            up: read("up_proj", dim, inner)?,
            down: read("down_proj", inner, dim)?,
            gelu: config.gemma.is_some(),
        })
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let gate = self.gate.forward(input)?;
        let gate = match self.gelu {
            true => gate.f_gelu("tanh")?,
            false => gate.f_silu()?,
        };
        self.down.forward(&gate.f_mul(&self.up.forward(input)?)?)
    }
}

/// A layer.
#[derive(Debug)]
pub struct Block {
    attention_norm: Norm,
    attention: Attention,
    /// Of what attention adds, where the model has one.
    attention_out_norm: Option<Norm>,
    ffn_norm: Norm,
    ffn: FeedForward,
    /// Of what the feed-forward part adds, where the model has one.
    ffn_out_norm: Option<Norm>,
}

impl Block {
    /// Reads the weights of a layer.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn read(weights: &Weights, config: &Config, layer: usize) -> Result<Self> {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let norm = |part: &str| Norm::read(weights, &name(part), config.dim, config);
        let gemma = config.gemma.is_some();
        let only_gemma = |part: &str| gemma.then(|| norm(part)).transpose();
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            attention: Attention::read(weights, &name("self_attn"), config, layer)?,
            attention_out_norm: only_gemma("post_attention_layernorm")?,
            ffn_norm: norm(match gemma {
                true => "pre_feedforward_layernorm",
                false => "post_attention_layernorm",
            })?,
            ffn: FeedForward::read(weights, &name("mlp"), config)?,
            ffn_out_norm: only_gemma("post_feedforward_layernorm")?,
        })
    }

    /// Packed states `[N,d]` to `[N,d]`, or to those of `places` i64 `[M]` alone, `[M,d]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn forward(
        &self,
        x: Tensor,
        (rotation, layout): (&Rotation, &Layout),
        past: &mut Past,
        places: Option<&Tensor>,
    ) -> Result<Tensor> {
        let normed = |added: Tensor, norm: &Option<Norm>| match norm {
            Some(norm) => norm.forward(&added),
            None => Ok(added),
        };
        let seen = self.attention_norm.forward(&x)?;
        let seen = self
            .attention
            .forward(&seen, rotation, layout, past, places)?;
        let x = chosen(x, places)?.f_add(&normed(seen, &self.attention_out_norm)?)?;
        let more = self.ffn.forward(&self.ffn_norm.forward(&x)?)?;
        Ok(x.f_add(&normed(more, &self.ffn_out_norm)?)?)
    }
}
