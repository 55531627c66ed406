//! The backbone.

use lapidary_sdk::nn::{Linear, Parameters, check_input, dropout, share};
use lapidary_sdk::prelude::*;

use crate::layer::Layer;
use crate::settings::Settings;

/// GRU4Rec (Hidasi et al. 2016, <https://arxiv.org/abs/1511.06939>, and 2018, <https://arxiv.org/abs/1706.03847>): gated
/// recurrent units over the items of a sequence.
///
/// Layers: the input times √d, dropout; then layers of gated recurrent units, each with dropout; a linear layer back to
/// the embedding size where the number of units is another.
///
/// Where it differs from the papers:
/// - Sequences are a user's, each a row of its batch from its start; the papers cut long sessions into pieces and carry
///   the hidden state over.
/// - The gates are those of `GRU` of PyTorch, with a second bias.
/// - The loss is the host's, and so is the item table, which is tied (the papers' "constrained embedding").
pub struct Gru4Rec {
    layers: Vec<Layer>,
    projection: Option<Linear>,
    parameters: Vec<(String, Tensor)>,
    settings: Settings,
    dim: i64,
}

impl Component for Gru4Rec {
    const NAME: &'static str = "gru4rec";
    const SUMMARY: &'static str =
        "Gated recurrent units over the sequence (Hidasi et al. 2016, arXiv:1511.06939).";
    type Settings = Settings;
    type Context = BackboneContext;

    fn create(settings: Settings, context: BackboneContext) -> Result<Self> {
        settings.check(&context)?;
        let device = lapidary_sdk::device(&context.device)?;
        let dim = context.dim;
        let hidden = settings.hidden.unwrap_or(dim);
        let glorot = (2.0 / (hidden + dim) as f64).sqrt();
        let mut parameters = Parameters::new(device, settings.init_std.unwrap_or(glorot));
        let layers = (0..settings.layers)
            .map(|number| {
                let input = if number == 0 { dim } else { hidden };
                Layer::new(&mut parameters, number, input, hidden, &settings)
            })
            .collect::<Result<_>>()?;
        let projection = (hidden != dim)
            .then(|| Linear::new(&mut parameters, "dense", hidden, dim))
            .transpose()?;
        Ok(Self {
            layers,
            projection,
            parameters: parameters.finish(),
            settings,
            dim,
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

impl Backbone for Gru4Rec {
    fn objective(&self) -> Result<Objective> {
        Ok(Objective::NextItem)
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(share(&self.parameters))
    }

    /// Padding stands after the real positions, which it cannot influence: `mask` is only checked.
    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        check_input(input, mask, self.dim, None)?;
        let scaled = match self.settings.scale_input {
            true => input.f_mul_scalar((self.dim as f64).sqrt())?,
            false => input.shallow_clone(),
        };
        let mut states = dropout(&scaled, self.settings.dropout_embedding, train)?;
        for layer in &self.layers {
            let given = layer.forward(&states, train)?;
            states = dropout(&given, self.settings.dropout_hidden, train)?;
        }
        match &self.projection {
            Some(projection) => projection.forward(&states),
            None => Ok(states),
        }
    }
}
