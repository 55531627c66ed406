//! A small multilayer perceptron that rebuilds rows from fewer numbers.

use lapidary_sdk::nn::Activation;
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, normal};
use tch::{COptimizer, Reduction};

/// Rows that are encoded at a time.
const BLOCK: i64 = 65_536;

/// `x Wᵀ + b`
#[derive(Debug)]
pub(crate) struct Layer {
    /// f32 `[to,from]`
    pub(crate) weight: Tensor,
    /// f32 `[to]`
    pub(crate) bias: Tensor,
}

impl Layer {
    /// Weights drawn with the variance `1 / from`, which keeps that of the input; no bias.
    fn new(generator: &mut Generator, from: i64, to: i64, device: Device) -> Result<Self> {
        let weight = normal(generator, to, from)?.f_div_scalar((from as f64).sqrt())?;
        Ok(Self {
            weight: weight.f_to_kind(DType::Float)?.f_to_device(device)?,
            bias: Tensor::f_zeros([to], (DType::Float, device))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.f_linear(&self.weight, Some(&self.bias))?)
    }

    /// A copy that training does not change.
    fn detached(&self) -> Result<Self> {
        Ok(Self {
            weight: self.weight.f_detach_copy()?,
            bias: self.bias.f_detach_copy()?,
        })
    }
}

/// The half of the network that makes rows narrower.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) hidden: Layer,
    pub(crate) code: Layer,
    pub(crate) activation: Activation,
}

impl Encoder {
    /// # Shapes
    /// `x` f32 `[N,d]`, the result f32 `[N,dim]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let encode = |block: Tensor| {
            let hidden = self.hidden.forward(&block)?;
            self.code.forward(&self.activation.forward(&hidden)?)
        };
        let blocks = x.f_split(BLOCK, 0)?.into_iter().map(encode);
        Ok(Tensor::f_cat(&blocks.collect::<Result<Vec<_>>>()?, 0)?)
    }
}

/// Encoder and decoder: d, hidden, dim, hidden, d.
pub(crate) struct Network {
    encoder: Encoder,
    /// From the code to the hidden layer, and from there to the row.
    decoder: [Layer; 2],
    optimiser: COptimizer,
}

impl Network {
    /// Draws the weights for rows of `width` columns.
    pub(crate) fn new(
        generator: &mut Generator,
        [width, hidden, dim]: [i64; 3],
        activation: Activation,
        learning_rate: f64,
        device: Device,
    ) -> Result<Self> {
        let mut layer = |from, to| Layer::new(generator, from, to, device);
        let layers = [
            layer(width, hidden)?,
            layer(hidden, dim)?,
            layer(dim, hidden)?,
            layer(hidden, width)?,
        ];
        Self::of(layers, activation, learning_rate)
    }

    /// A network of these layers, with Adam at PyTorch's defaults.
    fn of(layers: [Layer; 4], activation: Activation, learning_rate: f64) -> Result<Self> {
        let mut optimiser = COptimizer::adam(learning_rate, 0.9, 0.999, 0.0, 1e-8, false)?;
        for tensor in layers.iter().flat_map(|l| [&l.weight, &l.bias]) {
            let tensor = tensor.f_set_requires_grad(true)?;
            optimiser.add_parameters(&tensor, 0)?;
        }
        let [hidden, code, widened, row] = layers;
        Ok(Self {
            encoder: Encoder {
                hidden,
                code,
                activation,
            },
            decoder: [widened, row],
            optimiser,
        })
    }

    /// One step of Adam on the mean squared error of some rows, f32 `[B,d]`.
    pub(crate) fn step(&self, rows: &Tensor) -> Result<()> {
        tch::with_grad(|| {
            let loss = self.loss(rows)?;
            self.optimiser.zero_grad()?;
            loss.f_backward()?;
            Ok(self.optimiser.step()?)
        })
    }

    /// The mean squared error of some rows, f32 `[N,d]`.
    pub(crate) fn measure(&self, rows: &Tensor) -> Result<f64> {
        let mut squares = 0.0;
        for block in rows.f_split(BLOCK, 0)? {
            let share = block.size2()?.0 as f64 / rows.size2()?.0.max(1) as f64;
            squares += share * tch::no_grad(|| self.loss(&block))?.f_double_value(&[])?;
        }
        Ok(squares)
    }

    /// The encoder as it is now, on its own storage.
    pub(crate) fn encoder(&self) -> Result<Encoder> {
        Ok(Encoder {
            hidden: self.encoder.hidden.detached()?,
            code: self.encoder.code.detached()?,
            activation: self.encoder.activation,
        })
    }

    fn loss(&self, rows: &Tensor) -> Result<Tensor> {
        let [widened, row] = &self.decoder;
        let hidden = widened.forward(&self.encoder.forward(rows)?)?;
        let rebuilt = row.forward(&self.encoder.activation.forward(&hidden)?)?;
        Ok(rebuilt.f_mse_loss(rows, Reduction::Mean)?)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use lapidary_sdk::component::find;

    use super::*;

    const FIXTURE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/autoencoder.safetensors"
    );

    /// `fixtures/make_autoencoder.py`
    #[test]
    fn training_agrees_with_pytorch() {
        let fixture = Tensor::read_safetensors(FIXTURE).unwrap();
        let tensor = |name: &str| find(&fixture, name).unwrap().copy();
        let table = tensor("table");
        for (name, activation) in [("relu", Activation::Relu), ("gelu", Activation::Gelu)] {
            let layers = [0, 1, 2, 3].map(|i| Layer {
                weight: tensor(&format!("{i}.weight")),
                bias: tensor(&format!("{i}.bias")),
            });
            let network = Network::of(layers, activation, 0.01).unwrap();
            let losses = tensor(&format!("{name}.losses"));
            for step in 0..losses.size()[0] {
                let (found, expected) = (
                    network.measure(&table).unwrap(),
                    losses.double_value(&[step]),
                );
                assert!(
                    (found - expected).abs() < 1e-5 * expected,
                    "{name}, step {step}: {found} {expected}"
                );
                network.step(&table).unwrap();
            }
            let codes = network.encoder().unwrap().forward(&table).unwrap();
            let expected = tensor(&format!("{name}.codes"));
            assert!(codes.allclose(&expected, 1e-4, 1e-4, false), "{name}");
        }
    }
}
