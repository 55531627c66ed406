//! An autoencoder.

use lapidary_sdk::host;
use lapidary_sdk::nn::{Activation, Best, check_at_least_one, check_positive, check_share};
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{generator, permutation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::{Encoder, Layer, Network};
use crate::projection::{check, means};
use crate::table;

/// Settings of [`Autoencoder`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AutoencoderSettings {
    /// Width of the hidden layers before and after the reduced columns.
    #[schemars(range(min = 1))]
    pub hidden: u32,
    /// Activation of the hidden layers: `relu` or `gelu`.
    pub activation: Activation,
    /// Learning rate of Adam.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub learning_rate: f64,
    /// Rows of a step.
    #[schemars(range(min = 1))]
    pub batch_size: u32,
    /// Most passes over the table.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Share of the rows that is held out to see when training should end; with 0 all rows are trained on, for all
    /// epochs, and the state that rebuilds them best counts.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub validation: f64,
    /// Training ends when the held-out rows were rebuilt no better for this many epochs; the best state counts.
    #[schemars(range(min = 1))]
    pub patience: u32,
}

impl Default for AutoencoderSettings {
    fn default() -> Self {
        Self {
            hidden: 128,
            activation: Activation::Gelu,
            learning_rate: 1e-3,
            batch_size: 256,
            epochs: 200,
            validation: 0.1,
            patience: 10,
        }
    }
}

/// An autoencoder (G. E. Hinton, R. R. Salakhutdinov, *Reducing the Dimensionality of Data with Neural Networks*, Science
/// 2006, <https://doi.org/10.1126/science.1127647>): a network d → hidden → dim → hidden → d learns to rebuild the rows,
/// and the reduced row is what stands in its middle.
///
/// Unlike the paper's it has one hidden layer on each side, is not pretrained layer by layer, and learns with Adam from
/// the mean squared error. Rows are centred and divided by one number, the root of the columns' mean variance, so the
/// settings suit tables of any scale. All draws depend on the context's seed alone.
pub struct Autoencoder {
    settings: AutoencoderSettings,
    seed: u64,
    fitted: Option<Fitted>,
}

struct Fitted {
    /// f32 `[d]`
    mean: Tensor,
    /// Reads rows of which the mean was taken off.
    encoder: Encoder,
}

impl Component for Autoencoder {
    const NAME: &'static str = "autoencoder";
    const SUMMARY: &'static str = "The middle of a small network that learns to rebuild the rows.";
    type Settings = AutoencoderSettings;
    type Context = ReducerContext;

    fn create(settings: AutoencoderSettings, context: ReducerContext) -> Result<Self> {
        check_at_least_one("hidden", settings.hidden)?;
        check_positive("learning_rate", settings.learning_rate)?;
        check_at_least_one("batch_size", settings.batch_size)?;
        check_at_least_one("epochs", settings.epochs)?;
        check_share("validation", settings.validation)?;
        check_at_least_one("patience", settings.patience)?;
        Ok(Self {
            settings,
            seed: context.seed,
            fitted: None,
        })
    }

    fn save(&self) -> Result<State> {
        let entry = |name: &str, tensor: &Tensor| (name.to_owned(), tensor.shallow_clone());
        let tensors = self.fitted.iter().flat_map(|Fitted { mean, encoder }| {
            [
                entry("mean", mean),
                entry("hidden.weight", &encoder.hidden.weight),
                entry("hidden.bias", &encoder.hidden.bias),
                entry("code.weight", &encoder.code.weight),
                entry("code.bias", &encoder.code.bias),
            ]
        });
        Ok(State {
            tensors: tensors.collect(),
            ..State::default()
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.fitted = match state.tensors.is_empty() {
            true => None,
            false => Some(Fitted::load(state, self.settings.activation)?),
        };
        Ok(())
    }
}

impl Reducer for Autoencoder {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        check(table, dim, "an autoencoder")?;
        let mean = means(table)?.f_to_kind(DType::Float)?;
        let centred = table.f_detach()?.f_sub(&mean)?;
        let variance = centred.f_square()?.f_mean(DType::Double)?;
        let deviation = match variance.f_double_value(&[])?.sqrt() {
            deviation if deviation > 0.0 => deviation,
            _ => 1.0,
        };
        let mut encoder = self.train(&centred.f_div_scalar(deviation)?, dim)?;
        encoder.hidden.weight = encoder.hidden.weight.f_div_scalar(deviation)?;
        self.fitted = Some(Fitted { mean, encoder });
        Ok(None)
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        let fitted = self.fitted.as_ref().ok_or_else(table::not_fitted)?;
        table::check_width(table::check(table)?, fitted.mean.size1()?)?;
        let Fitted { mean, encoder } = fitted.on(table.device())?;
        tch::no_grad(|| encoder.forward(&table.f_detach()?.f_sub(&mean)?))
    }
}

impl Autoencoder {
    /// Trains on rows, f32 `[V,d]`, of mean 0 and variance 1.
    fn train(&self, rows: &Tensor, dim: i64) -> Result<Encoder> {
        let settings = &self.settings;
        let (n_rows, width) = rows.size2()?;
        let mut generator = generator(self.seed);
        let network = Network::new(
            &mut generator,
            [width, i64::from(settings.hidden), dim],
            settings.activation,
            settings.learning_rate,
            rows.device(),
        )?;
        let select = |numbers: &[i64]| {
            let numbers = Tensor::f_from_slice(numbers)?.f_to_device(rows.device())?;
            Ok::<_, Error>(rows.f_index_select(0, &numbers)?)
        };
        let order = permutation(&mut generator, n_rows as usize);
        let (held_out, trained) = order.split_at(self.held_out(order.len()));
        let (held_out, trained) = (select(held_out)?, select(trained)?);
        let n_trained = trained.size()[0] as usize;
        let (watched, patience) = match held_out.size()[0] {
            0 => (&trained, settings.epochs),
            _ => (&held_out, settings.patience),
        };
        let mut best = Best::new(patience);
        for epoch in 0..settings.epochs {
            host::progress(
                "train the autoencoder",
                epoch.into(),
                settings.epochs.into(),
            )?;
            let order = permutation(&mut generator, n_trained);
            let order = Tensor::f_from_slice(&order)?.f_to_device(rows.device())?;
            for batch in order.f_split(i64::from(settings.batch_size), 0)? {
                network.step(&trained.f_index_select(0, &batch)?)?;
            }
            if best.note(network.measure(watched)?, || network.encoder())? {
                break;
            }
        }
        best.into_state().ok_or_else(|| {
            Error::invalid("training left the numbers: the error is NaN; lower `learning_rate`")
        })
    }

    /// How many of the rows are held out: at least one of each sort.
    fn held_out(&self, rows: usize) -> usize {
        let share = self.settings.validation;
        match share > 0.0 {
            true => ((rows as f64 * share).round() as usize).clamp(1, rows.max(2) - 1),
            false => 0,
        }
    }
}

impl Fitted {
    fn load(state: &State, activation: Activation) -> Result<Self> {
        let float = |name: &str| {
            let tensor = state.tensor(name)?.f_to_kind(DType::Float)?;
            Ok::<_, Error>(tensor.f_detach_copy()?)
        };
        let layer = |name: &str| {
            Ok::<_, Error>(Layer {
                weight: float(&format!("{name}.weight"))?,
                bias: float(&format!("{name}.bias"))?,
            })
        };
        let (mean, hidden, code) = (float("mean")?, layer("hidden")?, layer("code")?);
        let (inner, outer) = (hidden.weight.size(), code.weight.size());
        let fits = inner.len() == 2
            && outer.len() == 2
            && mean.size() == inner[1..]
            && hidden.bias.size() == inner[..1]
            && outer[1] == inner[0]
            && code.bias.size() == outer[..1];
        must(fits, || {
            format!(
                "`mean`, `hidden` and `code` must have the shapes [d], [hidden,d] and [dim,hidden]; found {:?}, {inner:?} \
                 and {outer:?}",
                mean.size()
            )
        })?;
        let encoder = Encoder {
            hidden,
            code,
            activation,
        };
        Ok(Self { mean, encoder })
    }

    fn on(&self, device: Device) -> Result<Self> {
        let layer = |layer: &Layer| {
            Ok::<_, Error>(Layer {
                weight: layer.weight.f_to_device(device)?,
                bias: layer.bias.f_to_device(device)?,
            })
        };
        Ok(Self {
            mean: self.mean.f_to_device(device)?,
            encoder: Encoder {
                hidden: layer(&self.encoder.hidden)?,
                code: layer(&self.encoder.code)?,
                activation: self.encoder.activation,
            },
        })
    }
}
