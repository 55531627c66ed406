//! Gaussian random projection.

use lapidary_sdk::prelude::*;
use lapidary_sdk::random;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table;

/// Settings of [`RandomProjection`]: there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomProjectionSettings {}

/// Multiplies rows with a matrix of independent normal entries of variance `1 / dim`, which keeps squared lengths and
/// distances on average (Johnson and Lindenstrauss 1984; Dasgupta and Gupta 2003,
/// <https://doi.org/10.1002/rsa.10073>). The table's values play no part in the matrix, only its width does.
///
/// The matrix depends on the context's seed alone, not on libtorch's generator or the device.
pub struct RandomProjection {
    seed: u64,
    /// f32 `[d,dim]`
    matrix: Option<Tensor>,
}

impl Component for RandomProjection {
    const NAME: &'static str = "random_projection";
    const SUMMARY: &'static str = "A random linear map that keeps distances on average.";
    type Settings = RandomProjectionSettings;
    type Context = ReducerContext;

    fn create(_: RandomProjectionSettings, context: ReducerContext) -> Result<Self> {
        let ReducerContext { seed } = context;
        Ok(Self { seed, matrix: None })
    }

    fn save(&self) -> Result<State> {
        let matrix = self.matrix.iter();
        Ok(State {
            tensors: matrix
                .map(|m| ("projection".to_owned(), m.shallow_clone()))
                .collect(),
            ..State::default()
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        if state.tensors.is_empty() {
            self.matrix = None;
            return Ok(());
        }
        let matrix = state.tensor("projection")?;
        if matrix.dim() != 2 || matrix.kind() != DType::Float {
            return Err(Error::invalid(format!(
                "`projection` must be f32 of the shape [d,dim]; found {:?} of the shape {:?}",
                matrix.kind(),
                matrix.size()
            )));
        }
        self.matrix = Some(matrix.f_detach_copy()?);
        Ok(())
    }
}

impl Reducer for RandomProjection {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        let width = table::check(table)?;
        table::check_dim(dim, width)?;
        let draws = random::normal(&mut random::generator(self.seed), width, dim)?;
        let matrix = draws
            .f_to_kind(DType::Float)?
            .f_div_scalar((dim as f64).sqrt())?;
        self.matrix = Some(matrix.f_to_device(table.device())?);
        Ok(None)
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        let matrix = self.matrix.as_ref().ok_or_else(table::not_fitted)?;
        table::check_width(table::check(table)?, matrix.size()[0])?;
        let matrix = matrix.f_to_device(table.device())?;
        Ok(table.f_detach()?.f_matmul(&matrix)?)
    }
}
