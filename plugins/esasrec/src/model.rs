//! The backbone.

use lapidary_sdk::kinds::backbone::method;
use lapidary_sdk::nn::{Parameters, Positions, Stack, Visible, check_input, dropout, share};
use lapidary_sdk::prelude::*;

use crate::block::Block;
use crate::settings::Settings;

/// eSASRec (Tikhonovich et al. 2025, <https://arxiv.org/abs/2508.06450>): a causal Transformer over the items of a
/// sequence, trained as SASRec is, of the blocks of LiGR (Borisyuk et al. 2025, <https://arxiv.org/abs/2502.03417>).
///
/// Layers: the input plus learned positions, dropout; then blocks of causal self-attention and a SwiGLU network, each
/// after a layer norm and added to its input through a gate that looks at that input. No layer norm follows the blocks.
///
/// Where it differs from the paper's code:
/// - Positions count from the end.
/// - All linear maps have a bias; theirs within the feed-forward network have none.
/// - Weights are drawn from a normal distribution.
///
/// The paper's loss is sampled softmax: `sampled_cross_entropy` in the settings of training.
pub struct ESasRec {
    positions: Positions,
    blocks: Stack<Block>,
    parameters: Vec<(String, Tensor)>,
    settings: Settings,
    dim: i64,
    max_len: i64,
}

impl Component for ESasRec {
    const NAME: &'static str = "esasrec";
    const SUMMARY: &'static str =
        "SASRec with gated blocks and SwiGLU (Tikhonovich et al. 2025, arXiv:2508.06450).";
    type Settings = Settings;
    type Context = BackboneContext;
    const OPTIONAL: &'static [u32] = &[method::LAST];

    fn create(settings: Settings, context: BackboneContext) -> Result<Self> {
        settings.check(&context)?;
        let device = lapidary_sdk::device(&context.device)?;
        let BackboneContext { dim, max_len, .. } = context;
        let mut parameters = Parameters::new(device, settings.init_std);
        let positions = Positions::new(&mut parameters, max_len, dim)?;
        let blocks = (0..settings.layers)
            .map(|number| Block::new(&mut parameters, number, dim, &settings))
            .collect::<Result<_>>()?;
        Ok(Self {
            positions,
            blocks: Stack::new(blocks),
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

impl Backbone for ESasRec {
    fn objective(&self) -> Result<Objective> {
        Ok(Objective::NextItem)
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(share(&self.parameters))
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let embedded = self.embed(input, mask, train)?;
        self.blocks.forward(embedded, &Visible::Past, train)
    }

    fn last(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let embedded = self.embed(input, mask, false)?;
        self.blocks.last(embedded, &Visible::Past, mask)
    }
}

impl ESasRec {
    /// What the blocks read, `[B,L,d]`.
    fn embed(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        check_input(input, mask, self.dim, Some(self.max_len))?;
        let embedded = self.positions.forward(mask)?.f_add(input)?;
        dropout(&embedded, self.settings.dropout, train)
    }
}
