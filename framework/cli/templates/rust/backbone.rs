//! A backbone: embedded sequences in, hidden states out. Use it by `lapidary.backbone("{{name}}", { … })`.
//! `lapidary_sdk::nn` has attention, Transformer blocks and other layers.

use lapidary_sdk::prelude::*;
use lapidary_sdk::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a script may set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "lapidary_sdk::schemars")]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Share of values that is dropped in training.
    #[schemars(range(min = 0.0, max = 0.95))]
    pub dropout: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { dropout: 0.2 }
    }
}

/// A gated running mean of what came before. The host trains what `parameters` gives.
pub struct Mine {
    settings: Settings,
    dim: i64,
    parameters: Vec<(String, Tensor)>,
}

impl Mine {
    fn parameter(&self, name: &str) -> Result<&Tensor> {
        lapidary_sdk::component::find(&self.parameters, name)
    }
}

impl Component for Mine {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "A gated running mean of what came before.";
    type Settings = Settings;
    type Context = BackboneContext;

    fn create(settings: Settings, context: BackboneContext) -> Result<Self> {
        let dim = context.dim;
        let options = (DType::Float, lapidary_sdk::device(&context.device)?);
        // First values are drawn from libtorch's generator, which the host seeds.
        let first = [
            (
                "gate",
                Tensor::f_randn([dim, dim], options)?.f_mul_scalar(0.02)?,
            ),
            ("gate_bias", Tensor::f_zeros([dim], options)?),
            ("norm", Tensor::f_ones([dim], options)?),
            ("norm_bias", Tensor::f_zeros([dim], options)?),
        ];
        let mut parameters = Vec::new();
        for (name, tensor) in first {
            parameters.push((name.to_owned(), tensor.f_set_requires_grad(true)?));
        }
        Ok(Self {
            settings,
            dim,
            parameters,
        })
    }

    fn save(&self) -> Result<State> {
        let tensors = self.parameters()?;
        Ok(State {
            tensors,
            ..State::default()
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        state.copy_into(&self.parameters)
    }
}

impl Backbone for Mine {
    fn objective(&self) -> Result<Objective> {
        Ok(Objective::NextItem)
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        let all = self.parameters.iter();
        Ok(all.map(|(n, t)| (n.clone(), t.shallow_clone())).collect())
    }

    // `input` [B,L,d], padded on the right; `mask` [B,L] holds at real places. No place may see those after it.
    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let (shape, dim) = (input.size(), self.dim);
        let fits = shape.len() == 3 && shape[2] == dim && mask.size() == shape[..2];
        must(fits, || {
            let mask = mask.size();
            format!("expected `input` [B,L,{dim}] and `mask` [B,L], found {shape:?} and {mask:?}")
        })?;
        let x = input.f_dropout(self.settings.dropout, train)?;
        let places = Tensor::f_arange(shape[1], (DType::Float, x.device()))?.f_add_scalar(1.0)?;
        let mean = x
            .f_cumsum(1, DType::Float)?
            .f_div(&places.f_unsqueeze(1)?)?;
        let bias = Some(self.parameter("gate_bias")?);
        let gate = x.f_linear(self.parameter("gate")?, bias)?.f_sigmoid()?;
        let mixed = mean.f_add(&gate.f_mul(&x.f_sub(&mean)?)?)?;
        let (weight, bias) = (self.parameter("norm")?, self.parameter("norm_bias")?);
        Ok(mixed.f_layer_norm([dim], Some(weight), Some(bias), 1e-5, true)?)
    }
}

lapidary_sdk::register!(backbone: Mine);
lapidary_sdk::export_plugin!();
