//! Principal component analysis.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{Projection, check, principal};

/// Settings of [`Pca`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PcaSettings {
    /// Whether the reduced columns are scaled to variance 1. Columns that explain nothing become 0.
    pub whiten: bool,
}

/// Principal component analysis: the orthogonal directions in which the rows vary most, exactly, in f64.
///
/// The sign of a component is chosen so that its largest loading is positive, as scikit-learn does, so that runs agree.
/// Components beyond the table's rank explain nothing; they fill up when more columns are asked for.
pub struct Pca {
    settings: PcaSettings,
    fitted: Option<Projection>,
}

impl Component for Pca {
    const NAME: &'static str = "pca";
    const SUMMARY: &'static str = "Principal components: the directions in which rows vary most.";
    type Settings = PcaSettings;
    type Context = ReducerContext;

    fn create(settings: PcaSettings, _: ReducerContext) -> Result<Self> {
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

impl Reducer for Pca {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        check(table, dim, "principal component analysis")?;
        let (projection, shares) = principal(table, dim, self.settings.whiten.then_some(0.0))?;
        self.fitted = Some(projection);
        Ok(Some(shares))
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        Projection::transform(self.fitted.as_ref(), table)
    }
}
