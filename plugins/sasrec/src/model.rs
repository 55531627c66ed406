//! The backbone.

use lapidary_sdk::kinds::backbone::method;
use lapidary_sdk::nn::{
    Block, BlockSettings, LayerNorm, Parameters, Positions, Stack, Visible, check_input, dropout,
    share,
};
use lapidary_sdk::prelude::*;

use crate::settings::Settings;

/// Added to the variance by the layer norms; the value of the paper's code.
const EPSILON: f64 = 1e-8;

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
    blocks: Stack<Block>,
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
    const OPTIONAL: &'static [u32] = &[method::LAST];

    fn create(settings: Settings, context: BackboneContext) -> Result<Self> {
        settings.check(&context)?;
        let device = lapidary_sdk::device(&context.device)?;
        let BackboneContext { dim, max_len, .. } = context;
        let mut parameters = Parameters::new(device, settings.init_std);
        let positions = Positions::new(&mut parameters, max_len, dim)?;
        let block = BlockSettings {
            dim,
            heads: settings.heads,
            hidden_factor: settings.hidden_factor,
            activation: settings.activation,
            norm: settings.norm,
            epsilon: EPSILON,
            dropout: settings.dropout,
        };
        let blocks = (0..settings.layers)
            .map(|layer| Block::new(&mut parameters, layer, &block))
            .collect::<Result<_>>()?;
        let norm = match settings.final_norm {
            true => Some(LayerNorm::new(&mut parameters, "final_norm", dim, EPSILON)?),
            false => None,
        };
        Ok(Self {
            positions,
            blocks: Stack::new(blocks),
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
        Ok(share(&self.parameters))
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let embedded = self.embed(input, mask, train)?;
        self.normed(self.blocks.forward(embedded, &Visible::Past, train)?)
    }

    fn last(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let embedded = self.embed(input, mask, false)?;
        self.normed(self.blocks.last(embedded, &Visible::Past, mask)?)
    }
}

impl SasRec {
    /// What the blocks read, `[B,L,d]`.
    fn embed(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        check_input(input, mask, self.dim, Some(self.max_len))?;
        let positions = self.positions.forward(mask)?;
        let embedded = match self.scale {
            Some(scale) => positions.f_add(&input.f_mul_scalar(scale)?)?,
            None => positions.f_add(input)?,
        };
        dropout(&embedded, self.dropout, train)
    }

    fn normed(&self, hidden: Tensor) -> Result<Tensor> {
        match &self.norm {
            Some(norm) => norm.forward(&hidden),
            None => Ok(hidden),
        }
    }
}
