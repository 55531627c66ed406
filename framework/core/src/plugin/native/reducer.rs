//! Reducers behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::Reducer;
use lapidary_sdk::kinds::reducer::{FitArguments, FitReply, method};
use tch::Tensor;

use super::{Instance, MethodId};

const FIT: MethodId = (method::FIT, "fit");
const TRANSFORM: MethodId = (method::TRANSFORM, "transform");

impl Reducer for Instance {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        let inputs = [("table", table)];
        let returned = self.call_with(FIT, &inputs, &FitArguments { dim })?;
        let FitReply { explained_variance } = returned.reply()?;
        Ok(explained_variance)
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        self.call(TRANSFORM, &[("table", table)])?.take("reduced")
    }
}
