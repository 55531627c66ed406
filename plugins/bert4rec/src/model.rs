//! The backbone.

use lapidary_sdk::kinds::backbone::method;
use lapidary_sdk::nn::{
    Activation, Block, BlockSettings, LayerNorm, Linear, NormOrder, Parameters, Positions, Stack,
    Visible, check_input, dropout, share,
};
use lapidary_sdk::prelude::*;

use crate::settings::Settings;

/// Added to the variance by the layer norms; the value of the paper's code.
const EPSILON: f64 = 1e-12;

/// BERT4Rec (Sun et al. 2019, <https://arxiv.org/abs/1904.06690>): a bidirectional Transformer over the items of a
/// sequence, trained to tell items that are masked. The vector that stands for a masked item is the host's, which also
/// appends it to a history when it asks for the next item.
///
/// Layers: the input plus learned positions, layer norm, dropout; then blocks of self-attention and a point-wise
/// feed-forward network, each with dropout, a residual sum and a layer norm; a linear layer, its activation and a layer
/// norm.
///
/// Where it differs from the paper:
/// - Positions count from the end, so that the place asked for when recommending is always the same one.
/// - The host's scores have no bias of each item.
/// - Weights are drawn from a normal distribution that is not truncated. GELU is exact.
/// - Pre-norm, ReLU, other widths, and no layers after the blocks are settings.
pub struct Bert4Rec {
    positions: Positions,
    input_norm: LayerNorm,
    blocks: Stack<Block>,
    final_norm: Option<LayerNorm>,
    head: Option<Head>,
    parameters: Vec<(String, Tensor)>,
    settings: Settings,
    dim: i64,
    max_len: i64,
}

impl Component for Bert4Rec {
    const NAME: &'static str = "bert4rec";
    const SUMMARY: &'static str = "Bidirectional self-attention, trained on masked items (Sun et al. 2019, arXiv:1904.06690).";
    type Settings = Settings;
    type Context = BackboneContext;
    const OPTIONAL: &'static [u32] = &[method::LAST];

    fn create(settings: Settings, context: BackboneContext) -> Result<Self> {
        settings.check(&context)?;
        let device = lapidary_sdk::device(&context.device)?;
        let BackboneContext { dim, max_len, .. } = context;
        let mut parameters = Parameters::new(device, settings.init_std);
        let positions = Positions::new(&mut parameters, max_len, dim)?;
        let input_norm = LayerNorm::new(&mut parameters, "input_norm", dim, EPSILON)?;
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
        // With post-norm the last block ends in a norm of its own.
        let final_norm = (settings.norm == NormOrder::Pre)
            .then(|| LayerNorm::new(&mut parameters, "final_norm", dim, EPSILON))
            .transpose()?;
        let head = (settings.head)
            .then(|| Head::new(&mut parameters, dim, settings.activation))
            .transpose()?;
        Ok(Self {
            positions,
            input_norm,
            blocks: Stack::new(blocks),
            final_norm,
            head,
            parameters: parameters.finish(),
            settings,
            dim,
            max_len,
        })
    }

    fn save(&self) -> Result<State> {
        Ok(State {
            tensors: self.parameters()?,
            // Saved with the weights, so that runs with other settings are told apart.
            json: serde_json::to_value(&self.settings).map_err(Error::json("settings"))?,
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        state.copy_into(&self.parameters)
    }
}

impl Backbone for Bert4Rec {
    fn objective(&self) -> Result<Objective> {
        Ok(Objective::Cloze {
            mask_probability: self.settings.mask_probability,
        })
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(share(&self.parameters))
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let embedded = self.embed(input, mask, train)?;
        let hidden = self
            .blocks
            .forward(embedded, &Visible::real(mask)?, train)?;
        self.after(hidden)
    }

    fn last(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let embedded = self.embed(input, mask, false)?;
        let hidden = self.blocks.last(embedded, &Visible::real(mask)?, mask)?;
        self.after(hidden)
    }
}

impl Bert4Rec {
    /// What the blocks read, `[B,L,d]`.
    fn embed(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        check_input(input, mask, self.dim, Some(self.max_len))?;
        let embedded = self.positions.forward(mask)?.f_add(input)?;
        let embedded = self.input_norm.forward(&embedded)?;
        dropout(&embedded, self.settings.dropout, train)
    }

    /// What follows the blocks, at each position alone.
    fn after(&self, mut hidden: Tensor) -> Result<Tensor> {
        if let Some(norm) = &self.final_norm {
            hidden = norm.forward(&hidden)?;
        }
        match &self.head {
            Some(head) => head.forward(&hidden),
            None => Ok(hidden),
        }
    }
}

/// What the paper puts between the blocks and the scores.
struct Head {
    linear: Linear,
    norm: LayerNorm,
    activation: Activation,
}

impl Head {
    fn new(parameters: &mut Parameters, dim: i64, activation: Activation) -> Result<Self> {
        Ok(Self {
            linear: Linear::new(parameters, "head", dim, dim)?,
            norm: LayerNorm::new(parameters, "head.norm", dim, EPSILON)?,
            activation,
        })
    }

    fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        let active = self.activation.forward(&self.linear.forward(hidden)?)?;
        self.norm.forward(&active)
    }
}
