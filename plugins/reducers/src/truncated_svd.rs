//! Truncated singular value decomposition.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{Directions, Projection, check, means, products, shares};

/// Settings of [`TruncatedSvd`]: there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TruncatedSvdSettings {}

/// Truncated singular value decomposition of the table, `X ≈ U S Vᵀ`, as in latent semantic analysis (S. Deerwester and
/// others, *Indexing by Latent Semantic Analysis*, 1990): a row becomes its row of `U S`, which is `x V`. Unlike principal
/// components the rows are not centred, so inner products are kept as well as any linear map to so few columns can keep
/// them, and what all rows have in common stays.
///
/// Exact, in f64, from the eigenvectors of `XᵀX`. Signs are those of scikit-learn: the largest loading of each column is
/// positive. The shares are of the variance about the mean, also as there, so they need not fall.
pub struct TruncatedSvd {
    fitted: Option<Projection>,
}

impl Component for TruncatedSvd {
    const NAME: &'static str = "truncated_svd";
    const SUMMARY: &'static str = "The directions in which rows are longest, without centring them (latent semantic analysis).";
    type Settings = TruncatedSvdSettings;
    type Context = ReducerContext;

    fn create(_: TruncatedSvdSettings, _: ReducerContext) -> Result<Self> {
        Ok(Self { fitted: None })
    }

    fn save(&self) -> Result<State> {
        Ok(Projection::save(self.fitted.as_ref()))
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.fitted = Projection::load(state)?;
        Ok(())
    }
}

impl Reducer for TruncatedSvd {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        check(table, dim, "a truncated singular value decomposition")?;
        let rows = table.size()[0];
        let mean = means(table)?;
        let origin = mean.f_zeros_like()?;
        let matrix = Directions::of(&products(table, &origin, rows)?)?.first(dim)?;
        let covariance = products(table, &mean, rows)?;
        let variances = covariance
            .f_matmul(&matrix)?
            .f_mul(&matrix)?
            .f_sum_dim_intlist(0, false, DType::Double)?;
        let shares = shares(&variances, &covariance.f_trace()?)?;
        self.fitted = Some(Projection::new(origin, &matrix)?);
        Ok(Some(shares))
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        Projection::transform(self.fitted.as_ref(), table)
    }
}
