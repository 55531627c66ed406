//! The Llama family of causal language models (Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>), with
//! grouped-query attention (Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>).
//!
//! Every operation is differentiable; callers that want no gradients say so with `no_grad`.

use lapidary_sdk::prelude::*;

use crate::attention::Attention;
use crate::cache::Past;
use crate::config::Config;
use crate::lora::Lora;
use crate::rope::Rotation;
use crate::tree::Batch;
use crate::weights::Weights;

/// Logits that are held at once, 8 MiB.
const LOGITS_AT_ONCE: i64 = 1 << 21;
/// Fewest tokens of the vocabulary in a block.
const FEWEST_TOKENS: i64 = 512;

/// A linear map, with a bias where the model has one, and what an adapter adds to it.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    lora: Option<Lora>,
}

impl Linear {
    /// Reads `name.weight` of shape `[out,in]`, and `name.bias` where there is one.
    ///
    /// # Errors
    /// When it is missing or has another shape.
    pub fn read(weights: &Weights, name: &str, from: i64, to: i64) -> Result<Self> {
        let weight = weights.get(&format!("{name}.weight"), &[to, from])?;
        Ok(Self {
            weight,
            bias: weights.find(&format!("{name}.bias"), &[to])?,
            lora: weights.lora(name),
        })
    }

    /// The same with its rows, those of the weight `[out,in]` and the bias `[out]`, in the order that `change` brings
    /// them into.
    ///
    /// # Errors
    /// When `change` fails.
    pub fn map(self, change: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            weight: change(&self.weight)?,
            bias: self.bias.as_ref().map(&change).transpose()?,
            lora: self.lora.map(|l| l.reordered(&change)).transpose()?,
        })
    }

    /// `[N,in]` to `[N,out]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let output = input.f_linear(&self.weight, self.bias.as_ref())?;
        match &self.lora {
            Some(lora) => Ok(output.f_add(&lora.forward(input)?.f_to_kind(output.kind())?)?),
            None => Ok(output),
        }
    }
}

/// Root-mean-square norm (Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>).
#[derive(Debug)]
struct Norm {
    weight: Tensor,
    eps: f64,
}

impl Norm {
    fn read(weights: &Weights, name: &str, config: &Config) -> Result<Self> {
        let weight = weights.get(&format!("{name}.weight"), &[config.dim])?;
        Ok(Self {
            weight,
            eps: config.norm_eps,
        })
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.f_rms_norm(self.weight.size(), Some(&self.weight), self.eps)?)
    }
}

/// Feed-forward part with a gate, SwiGLU (Shazeer 2020, <https://arxiv.org/abs/2002.05202>).
#[derive(Debug)]
struct FeedForward {
    gate: Linear,
    up: Linear,
    down: Linear,
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
        })
    }

    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let gate = self.gate.forward(input)?.f_silu()?;
        self.down.forward(&gate.f_mul(&self.up.forward(input)?)?)
    }
}

/// The rows `places` i64 `[M]` of `[N,…]`; all where none are named.
///
/// # Errors
/// When a place is outside.
pub fn chosen(rows: Tensor, places: Option<&Tensor>) -> Result<Tensor> {
    match places {
        Some(places) => Ok(rows.f_index_select(0, places)?),
        None => Ok(rows),
    }
}

#[derive(Debug)]
struct Block {
    attention_norm: Norm,
    attention: Attention,
    ffn_norm: Norm,
    ffn: FeedForward,
}

/// A causal language model.
#[derive(Debug)]
pub struct Llama {
    config: Config,
    embedding: Tensor,
    blocks: Vec<Block>,
    norm: Norm,
    /// None where the embedding is the head, too.
    head: Option<Tensor>,
    frequencies: Tensor,
}

impl Llama {
    /// Reads the weights. `tied` says that the embedding is the head even if the files hold another one.
    ///
    /// # Errors
    /// When weights are missing, have other shapes, or do not belong to such a model.
    pub fn read(weights: &Weights, config: Config, tied: bool) -> Result<Self> {
        let table = [config.vocabulary, config.dim];
        let embedding = weights.get("model.embed_tokens.weight", &table)?;
        let head = if tied {
            None
        } else {
            weights.find("lm_head.weight", &table)?
        };
        let blocks = (0..config.layers)
            .map(|i| {
                let name = |part: &str| format!("model.layers.{i}.{part}");
                Ok(Block {
                    attention_norm: Norm::read(weights, &name("input_layernorm"), &config)?,
                    attention: Attention::read(weights, &name("self_attn"), &config, i)?,
                    ffn_norm: Norm::read(weights, &name("post_attention_layernorm"), &config)?,
                    ffn: FeedForward::read(weights, &name("mlp"), &config)?,
                })
            })
            .collect::<Result<_>>()?;
        let norm = Norm::read(weights, "model.norm", &config)?;
        weights.all_used()?;
        let frequencies = Tensor::f_from_slice(&config.rope.frequencies(config.head_dim))?
            .f_to_device(embedding.device())?;
        Ok(Self {
            config,
            embedding,
            blocks,
            norm,
            head,
            frequencies,
        })
    }

    /// Its sizes.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The embedding table `[V,d]`.
    pub fn embedding(&self) -> Tensor {
        self.embedding.shallow_clone()
    }

    /// The type of its numbers.
    pub fn kind(&self) -> DType {
        self.embedding.kind()
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.embedding.device()
    }

    /// Hidden states `[N,d]` of a batch's packed tokens, before the last norm. A growing `past` takes up the batch's
    /// keys and values.
    ///
    /// # Errors
    /// When a token is outside the vocabulary or libtorch refuses.
    pub fn hidden(&self, batch: &Batch, past: Past) -> Result<Tensor> {
        self.states(batch, past, None)
    }

    /// Those of [`Self::hidden`] at `places` i64 `[M]` alone, `[M,d]`: the last layer gives the others no state.
    ///
    /// # Errors
    /// As [`Self::hidden`].
    pub fn hidden_at(&self, batch: &Batch, past: Past, places: &Tensor) -> Result<Tensor> {
        self.states(batch, past, Some(places))
    }

    fn states(&self, batch: &Batch, mut past: Past, places: Option<&Tensor>) -> Result<Tensor> {
        let rotation = Rotation::new(&batch.positions, &self.frequencies)?;
        let mut x = Tensor::f_embedding(&self.embedding, &batch.tokens, -1, false, false)?;
        for (i, block) in self.blocks.iter().enumerate() {
            let places = places.filter(|_| i + 1 == self.blocks.len());
            let normed = block.attention_norm.forward(&x)?;
            let seen =
                block
                    .attention
                    .forward(&normed, &rotation, &batch.layout, &mut past, places)?;
            x = chosen(x, places)?.f_add(&seen)?;
            x = x.f_add(&block.ffn.forward(&block.ffn_norm.forward(&x)?)?)?;
        }
        past.advance(batch.layout.width);
        Ok(x)
    }

    /// Logits f32 `[M,V]` from hidden states `[M,d]`. Callers select the rows they need first: the head is wide.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let logits = self.norm.forward(hidden)?;
        let logits = logits.f_linear(self.head(), None::<&Tensor>)?;
        Ok(logits.f_to_kind(DType::Float)?)
    }

    /// Log-probabilities f32 `[T]` of `tokens` i64 `[T]`, each after the state that `rows` i64 `[T]` names in `[M,d]`.
    /// The logits are never there as a whole: each block of the vocabulary leaves its sum.
    ///
    /// # Errors
    /// When a token is outside the vocabulary or libtorch refuses.
    pub fn log_probs(&self, hidden: &Tensor, rows: &Tensor, tokens: &Tensor) -> Result<Tensor> {
        let (states, head) = (self.norm.forward(hidden)?, self.head());
        let block = LOGITS_AT_ONCE / states.size2()?.0.max(1);
        let sums = head.f_split(block.max(FEWEST_TOKENS), 0)?;
        let sums = sums
            .iter()
            .map(|head| {
                let logits = states.f_linear(head, None::<&Tensor>)?;
                let logits = logits.f_to_kind(DType::Float)?;
                Ok(logits.f_logsumexp([-1i64].as_slice(), false)?)
            })
            .collect::<Result<Vec<_>>>()?;
        let sums = Tensor::f_stack(&sums, 0)?.f_logsumexp([0i64].as_slice(), false)?;
        let states = states.f_index_select(0, rows)?.f_to_kind(DType::Float)?;
        let wanted = states.f_mul(&head.f_index_select(0, tokens)?)?;
        let logits = wanted.f_sum_dim_intlist([-1i64].as_slice(), false, DType::Float)?;
        // Rounded as the logits under the sums are, or a likely token would have a probability above 1.
        let logits = logits.f_to_kind(self.kind())?.f_to_kind(DType::Float)?;
        Ok(logits
            .f_sub(&sums.f_index_select(0, rows)?)?
            .f_clamp_max(0.0)?)
    }

    fn head(&self) -> &Tensor {
        self.head.as_ref().unwrap_or(&self.embedding)
    }
}
