//! A reducer: it learns to make tables narrower. Use it by `lapidary.reducer("{{name}}", { … })`.

use lapidary_sdk::prelude::*;
use lapidary_sdk::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a script may set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "lapidary_sdk::schemars")]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Factor of all values.
    #[schemars(range(min = 0.0))]
    pub scale: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scale: 1.0 }
    }
}

/// The first principal components.
pub struct Mine {
    settings: Settings,
    fitted: Option<Fitted>,
}

struct Fitted {
    /// `[1,d]`.
    mean: Tensor,
    /// `[d,dim]`.
    matrix: Tensor,
}

impl Component for Mine {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "The first principal components.";
    type Settings = Settings;
    type Context = ReducerContext;

    // The context's `seed` is there for all that is drawn.
    fn create(settings: Settings, _: ReducerContext) -> Result<Self> {
        let fitted = None;
        Ok(Self { settings, fitted })
    }

    fn save(&self) -> Result<State> {
        let mut state = State::default();
        if let Some(Fitted { mean, matrix }) = &self.fitted {
            state.tensors = vec![
                ("mean".to_owned(), mean.shallow_clone()),
                ("matrix".to_owned(), matrix.shallow_clone()),
            ];
        }
        Ok(state)
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.fitted = match state.tensors.is_empty() {
            true => None,
            false => Some(Fitted {
                mean: state.tensor("mean")?.shallow_clone(),
                matrix: state.tensor("matrix")?.shallow_clone(),
            }),
        };
        Ok(())
    }
}

/// Rows and columns.
fn size(table: &Tensor) -> Result<(i64, i64)> {
    match table.size().as_slice() {
        [rows, columns] => Ok((*rows, *columns)),
        other => Err(Error::invalid(format!(
            "expected a table [N,d], found {other:?}"
        ))),
    }
}

impl Reducer for Mine {
    // `table` [V,d].
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        let (_, width) = size(table)?;
        must((1..=width).contains(&dim), || {
            format!("a table of {width} columns cannot be reduced to {dim}")
        })?;
        let mean = table.f_mean_dim([0i64].as_slice(), true, DType::Float)?;
        let centred = table.f_sub(&mean)?;
        let (_, directions) = centred.f_tr()?.f_matmul(&centred)?.f_linalg_eigh("L")?;
        // They are sorted upwards: the last ones explain most.
        let matrix = directions.f_narrow(1, width - dim, dim)?.f_flip([1i64])?;
        self.fitted = Some(Fitted { mean, matrix });
        Ok(None)
    }

    // `table` [N,d]; the result [N,dim].
    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        let Some(Fitted { mean, matrix }) = &self.fitted else {
            return Err(Error::invalid("it was not fitted yet"));
        };
        let ((_, found), width) = (size(table)?, mean.size()[1]);
        must(found == width, || {
            format!("fitted on {width} columns, but this table has {found}")
        })?;
        let here = |tensor: &Tensor| tensor.f_to_device(table.device());
        let reduced = table.f_sub(&here(mean)?)?.f_matmul(&here(matrix)?)?;
        Ok(reduced.f_mul_scalar(self.settings.scale)?)
    }
}

lapidary_sdk::register!(reducer: Mine);
lapidary_sdk::export_plugin!();
