//! Whitening.

use lapidary_sdk::nn::check_not_negative;
use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, check, principal};

/// Settings of [`Whitening`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhiteningSettings {
    /// Added to each variance before it is divided by, as a share of the largest: directions that vary much less than
    /// that stay small, where without it they would be blown up to the same size as all others.
    #[schemars(range(min = 0))]
    pub epsilon: f64,
}

impl Default for WhiteningSettings {
    fn default() -> Self {
        Self { epsilon: 1e-6 }
    }
}

/// PCA whitening (J. Su and others, *Whitening Sentence Representations for Better Semantics and Faster Retrieval*, 2021,
/// <https://arxiv.org/abs/2103.15316>; A. Kessy, A. Lewin, K. Strimmer 2018, <https://doi.org/10.1080/00031305.2016.1277159>):
/// the reduced columns are uncorrelated and of variance 1, so that no direction of the base outweighs another.
///
/// The variances are regularised by `epsilon`, which the papers leave out; with 0 this is `pca` with `whiten`. Columns
/// beyond the table's rank become 0.
pub struct Whitening {
    settings: WhiteningSettings,
    fitted: Option<Projection>,
}

impl Component for Whitening {
    const NAME: &'static str = "whitening";
    const SUMMARY: &'static str = "Principal components of variance 1 each, small ones kept small.";
    type Settings = WhiteningSettings;
    type Context = ReducerContext;

    fn create(settings: WhiteningSettings, _: ReducerContext) -> Result<Self> {
        check_not_negative("epsilon", settings.epsilon)?;
        Ok(Self {
            settings,
            fitted: None,
        })
    }

    fn save(&self) -> Result<State> {
        Ok(Projection::save(self.fitted.as_ref()))
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.fitted = Projection::load(state)?;
        Ok(())
    }
}

impl Reducer for Whitening {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        check(table, dim, "whitening")?;
        let (projection, shares) = principal(table, dim, Some(self.settings.epsilon))?;
        self.fitted = Some(projection);
        Ok(Some(shares))
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        Projection::transform(self.fitted.as_ref(), table)
    }
}
