//! Reducers behind the boundary.

use lapidary_sdk::kinds::reducer::{FitArguments, FitReply, method};
use lapidary_sdk::kinds::{Reducer, ReducerContext};
use lapidary_sdk::{Result, State};
use tch::{Kind as DType, Tensor};

use super::{Instance, Native};

const FIT: super::MethodId = (method::FIT, "fit");
const TRANSFORM: super::MethodId = (method::TRANSFORM, "transform");

struct NativeReducer {
    instance: Instance,
    /// Columns of reduced tables, once fitted; −1 where that is not known.
    dim: i64,
}

impl lapidary_sdk::Stateful for NativeReducer {
    fn save(&self) -> Result<State> {
        self.instance.save()
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.dim = -1;
        self.instance.load(state)
    }
}

pub(super) fn make(
    native: &Native,
    settings: &serde_json::Value,
    context: &ReducerContext,
) -> Result<Box<dyn Reducer>> {
    let instance = native.create(settings, context)?;
    Ok(Box::new(NativeReducer { instance, dim: -1 }))
}

impl Reducer for NativeReducer {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        let arguments = FitArguments { dim };
        let returned = self
            .instance
            .call_with(FIT, &[("table", table)], &arguments)?;
        let FitReply { explained_variance } = returned.reply()?;
        if let Some(shares) = &explained_variance
            && shares.len() as i64 != dim
        {
            let found = shares.len();
            return Err(returned.error(format!(
                "explained variance: expected {dim} values, found {found}"
            )));
        }
        self.dim = dim;
        Ok(explained_variance)
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        let mut returned = self.instance.call(TRANSFORM, &[("table", table)])?;
        let rows = table.size().first().copied().unwrap_or(-1);
        let shape = [("N", rows), ("dim", self.dim)];
        returned.take("reduced", DType::Float, &shape, table)
    }
}
