//! The backbone.

use lapidary_sdk::prelude::*;

use crate::attention::Attention;
use crate::dropout::dropout;
use crate::feed_forward::FeedForward;
use crate::layers::LayerNorm;
use crate::parameters::Parameters;
use crate::positions::Positions;
use crate::settings::{NormOrder, Settings};

/// SASRec (Kang and McAuley 2018, <https://arxiv.org/abs/1808.09781>): a causal Transformer over the items of a
/// sequence.
///
/// Layers: the input times √d, plus learned positions, dropout; then blocks of causal self-attention and a point-wise
/// feed-forward network, each with a layer norm, dropout and a residual sum; a last layer norm.
///
/// Where it differs from the paper:
/// - Attention has an output projection, as `MultiheadAttention` of PyTorch has it, and more than one head if told so.
/// - The whole block is normalised before attention, as the paper's formula says; the paper's code normalises the
///   queries alone and adds the residual to them.
/// - Dropout stands where the paper's formula has it, on what attention and feed-forward network give, and on the
///   attention weights as in the paper's code; not inside the feed-forward network.
/// - Post-norm, GELU and wider feed-forward networks are settings.
pub struct SasRec {
    positions: Positions,
    blocks: Vec<Block>,
    norm: Option<LayerNorm>,
    parameters: Vec<(String, Tensor)>,
    /// They are saved with the weights, so that runs with other settings are told apart.
    settings: serde_json::Value,
    dim: i64,
    max_len: i64,
    scale: Option<f64>,
    dropout: f64,
}

impl Component for SasRec {
    const NAME: &'static str = "sasrec";
    const SUMMARY: &'static str =
        "Causal self-attention over the sequence (Kang and McAuley 2018, arXiv:1808.09781).";
    type Settings = Settings;
    type Context = BackboneContext;

    fn create(settings: Settings, context: BackboneContext) -> Result<Self> {
        settings.check(&context)?;
        let device = lapidary_sdk::device(&context.device)?;
        let BackboneContext { dim, max_len, .. } = context;
        let mut parameters = Parameters::new(device, settings.init_std);
        let positions = Positions::new(&mut parameters, max_len, dim)?;
        let blocks = (0..settings.layers)
            .map(|layer| Block::new(&mut parameters, layer, dim, &settings))
            .collect::<Result<_>>()?;
        let norm = match settings.final_norm {
            true => Some(LayerNorm::new(&mut parameters, "final_norm", dim)?),
            false => None,
        };
        Ok(Self {
            positions,
            blocks,
            norm,
            parameters: parameters.finish(),
            settings: serde_json::to_value(&settings).map_err(Error::json("settings"))?,
            dim,
            max_len,
            scale: settings.scale_input.then(|| (dim as f64).sqrt()),
            dropout: settings.dropout,
        })
    }

    fn save(&self) -> Result<State> {
        Ok(State {
            tensors: self.parameters()?,
            json: self.settings.clone(),
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        state.copy_into(&self.parameters)
    }
}

impl Backbone for SasRec {
    fn objective(&self) -> Result<Objective> {
        Ok(Objective::NextItem)
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        let share = |(name, tensor): &(String, Tensor)| (name.clone(), tensor.shallow_clone());
        Ok(self.parameters.iter().map(share).collect())
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        self.check(input, mask)?;
        let positions = self.positions.forward(mask)?;
        let embedded = match self.scale {
            Some(scale) => positions.f_add(&input.f_mul_scalar(scale)?)?,
            None => positions.f_add(input)?,
        };
        let mut hidden = dropout(&embedded, self.dropout, train)?;
        for block in &self.blocks {
            hidden = block.forward(&hidden, train)?;
        }
        match &self.norm {
            Some(norm) => norm.forward(&hidden),
            None => Ok(hidden),
        }
    }
}

impl SasRec {
    fn check(&self, input: &Tensor, mask: &Tensor) -> Result<()> {
        let (found, dim) = (input.size(), self.dim);
        if found.len() != 3 || found[2] != dim || found[1] > self.max_len {
            return Err(Error::invalid(format!(
                "`input` must have the shape [B,L,{dim}], L at most {}; found {found:?}",
                self.max_len
            )));
        }
        if mask.size() != found[..2] || mask.kind() != DType::Bool {
            return Err(Error::invalid(format!(
                "`mask` must be bool of the shape {:?}; found {:?} of the shape {:?}",
                &found[..2],
                mask.kind(),
                mask.size()
            )));
        }
        if input.kind() != DType::Float {
            return Err(Error::invalid(format!(
                "`input` must be f32; found {:?}",
                input.kind()
            )));
        }
        Ok(())
    }
}

/// Self-attention and a feed-forward network, each with a norm, dropout and a residual sum.
struct Block {
    attention_norm: LayerNorm,
    attention: Attention,
    feed_forward_norm: LayerNorm,
    feed_forward: FeedForward,
    order: NormOrder,
    dropout: f64,
}

impl Block {
    fn new(
        parameters: &mut Parameters,
        number: u32,
        dim: i64,
        settings: &Settings,
    ) -> Result<Self> {
        let name = |part: &str| format!("layers.{number}.{part}");
        let Settings { heads, dropout, .. } = *settings;
        Ok(Self {
            attention_norm: LayerNorm::new(parameters, &name("attention.norm"), dim)?,
            attention: Attention::new(parameters, &name("attention"), dim, heads, dropout)?,
            feed_forward_norm: LayerNorm::new(parameters, &name("feed_forward.norm"), dim)?,
            feed_forward: FeedForward::new(parameters, &name("feed_forward"), dim, settings)?,
            order: settings.norm,
            dropout,
        })
    }

    fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let attend = |x: &Tensor| self.attention.forward(x, train);
        let x = self.residual(x, &self.attention_norm, attend, train)?;
        let feed = |x: &Tensor| self.feed_forward.forward(x);
        self.residual(&x, &self.feed_forward_norm, feed, train)
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
