//! One layer of gated recurrent units.

use lapidary_sdk::nn::Parameters;
use lapidary_sdk::prelude::*;

use crate::settings::Settings;

/// libtorch's number for this kind of recurrent layer in cuDNN.
const CUDNN_GRU: i64 = 3;

/// Gated recurrent units over a sequence; weights and their names are those of `GRU` of PyTorch.
pub(crate) struct Layer {
    /// Weights and biases from the input and from the hidden state: `[3H,I]`, `[3H,H]`, `[3H]`, `[3H]`.
    tensors: [Tensor; 4],
    hidden: i64,
}

impl Layer {
    pub(crate) fn new(
        parameters: &mut Parameters,
        number: u32,
        input: i64,
        hidden: i64,
        settings: &Settings,
    ) -> Result<Self> {
        let mut weight = |name: &str, from: i64| {
            let (name, shape) = (format!("gru.{name}_l{number}"), [3 * hidden, from]);
            match settings.init_std {
                Some(_) => parameters.normal(name, &shape),
                None => parameters.uniform(name, &shape, glorot(from, hidden)),
            }
        };
        let from_input = weight("weight_ih", input)?;
        let from_hidden = weight("weight_hh", hidden)?;
        let mut bias =
            |name: &str| parameters.constant(format!("gru.{name}_l{number}"), &[3 * hidden], 0.0);
        let tensors = [from_input, from_hidden, bias("bias_ih")?, bias("bias_hh")?];
        if tensors[0].device().is_cuda() && lapidary_sdk::tch::Cuda::cudnn_is_available() {
            // cuDNN wants them in one piece of memory and otherwise copies them there at every call.
            let _no_grad = tch::no_grad_guard();
            let (per_layer, layers, batch_first, bidirectional) = (4, 1, true, false);
            let _ = Tensor::f_internal_cudnn_rnn_flatten_weight(
                &tensors,
                per_layer,
                input,
                CUDNN_GRU,
                hidden,
                0,
                layers,
                batch_first,
                bidirectional,
            )?;
        }
        Ok(Self { tensors, hidden })
    }

    /// # Shapes
    /// `x` f32 `[B,L,I]`, result f32 `[B,L,H]`.
    pub(crate) fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let (batch, _, _) = x.size3()?;
        let start = Tensor::f_zeros([1, batch, self.hidden], (DType::Float, x.device()))?;
        let (biases, layers, dropout, bidirectional, batch_first) = (true, 1, 0.0, false, true);
        let (states, _) = x.f_gru(
            &start,
            &self.tensors,
            biases,
            layers,
            dropout,
            train,
            bidirectional,
            batch_first,
        )?;
        Ok(states)
    }
}

/// The bound of the uniform distribution of X. Glorot and Y. Bengio, *Understanding the difficulty of training deep
/// feedforward neural networks*, 2010, for one gate.
fn glorot(from: i64, to: i64) -> f64 {
    (6.0 / (from + to) as f64).sqrt()
}
