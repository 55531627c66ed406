//! The Llama family of causal language models (Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>), with
//! grouped-query attention (Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>); Qwen3 (Qwen Team 2025,
//! <https://arxiv.org/abs/2505.09388>) with norms of each head, and Gemma 3 ([`crate::gemma`]).
//!
//! Every operation is differentiable; callers that want no gradients say so with `no_grad`.

use lapidary_sdk::prelude::*;

use crate::block::{Block, Norm};
use crate::cache::Past;
use crate::config::Config;
use crate::lora::Lora;
use crate::rope::{Rope, Rotation};
use crate::tree::{Batch, Layout};
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
    /// Those of the layers that see a window.
    local_frequencies: Option<Tensor>,
    /// What embeddings are multiplied by, rounded as their numbers are.
    embedding_scale: Option<f64>,
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
            .map(|layer| Block::read(weights, &config, layer))
            .collect::<Result<_>>()?;
        let norm = Norm::read(weights, "model.norm", config.dim, &config)?;
        weights.all_used()?;
        let (kind, device) = (embedding.kind(), embedding.device());
        let frequencies = |rope: &Rope| {
            Tensor::f_from_slice(&rope.frequencies(config.head_dim))?.f_to_device(device)
        };
        let (local, frequencies) = (
            config.gemma.as_ref().map(|g| frequencies(&g.local_rope)),
            frequencies(&config.rope)?,
        );
        let rounded = |x: f64| -> Result<f64> {
            let rounded = Tensor::f_from_slice(&[x])?.f_to_kind(kind)?;
            Ok(rounded.f_double_value(&[0])?)
        };
        let root = config.gemma.as_ref().map(|_| (config.dim as f64).sqrt());
        Ok(Self {
            config,
            embedding,
            blocks,
            norm,
            head,
            frequencies,
            local_frequencies: local.transpose()?,
            embedding_scale: root.map(rounded).transpose()?,
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
        self.states(batch, past, None, self.blocks.len())
    }

    /// Those of [`Self::hidden`] at `places` i64 `[M]` alone, `[M,d]`: the last layer gives the others no state.
    ///
    /// # Errors
    /// As [`Self::hidden`].
    pub fn hidden_at(&self, batch: &Batch, past: Past, places: &Tensor) -> Result<Tensor> {
        self.states(batch, past, Some(places), self.blocks.len())
    }

    /// States `[M,d]` at `places` i64 `[M]` after a layer: 0 gives the embeddings, the last layer's are normed.
    ///
    /// # Errors
    /// As [`Self::hidden`].
    pub fn after(&self, layer: usize, batch: &Batch, places: &Tensor) -> Result<Tensor> {
        let states = self.states(batch, Past::Nothing, Some(places), layer)?;
        match layer < self.blocks.len() {
            true => Ok(states),
            false => self.norm.forward(&states),
        }
    }

    /// The states after some layers.
    fn states(
        &self,
        batch: &Batch,
        mut past: Past,
        places: Option<&Tensor>,
        layers: usize,
    ) -> Result<Tensor> {
        let rotation = Rotation::new(&batch.positions, &self.frequencies)?;
        let local = self.local(batch)?;
        let mut x = Tensor::f_embedding(&self.embedding, &batch.tokens, -1, false, false)?;
        if let Some(scale) = self.embedding_scale {
            x = x.f_mul_scalar(scale)?;
        }
        if layers == 0 {
            return chosen(x, places);
        }
        for (i, block) in self.blocks.iter().take(layers).enumerate() {
            let places = places.filter(|_| i + 1 == layers);
            let view = match &local {
                Some((rotation, layout)) if self.is_local(i) => (rotation, layout),
                _ => (&rotation, &batch.layout),
            };
            x = block.forward(x, view, &mut past, places)?;
        }
        past.advance(batch.layout.width);
        Ok(x)
    }

    /// Rotations and layout of the layers that see a window.
    fn local(&self, batch: &Batch) -> Result<Option<(Rotation, Layout)>> {
        let (Some(gemma), Some(frequencies)) = (&self.config.gemma, &self.local_frequencies) else {
            return Ok(None);
        };
        let rotation = Rotation::new(&batch.positions, frequencies)?;
        Ok(Some((rotation, batch.windowed(gemma.window, self.kind())?)))
    }

    fn is_local(&self, layer: usize) -> bool {
        let gemma = self.config.gemma.as_ref();
        gemma.and_then(|g| g.local.get(layer)) == Some(&true)
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
