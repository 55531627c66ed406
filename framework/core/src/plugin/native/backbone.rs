//! Backbones behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::backbone::{ForwardArguments, last_of, method};
use lapidary_sdk::kinds::{Backbone, Objective};
use tch::Tensor;

use super::{Instance, MethodId};

const OBJECTIVE: MethodId = (method::OBJECTIVE, "objective");
const PARAMETERS: MethodId = (method::PARAMETERS, "parameters");
const FORWARD: MethodId = (method::FORWARD, "forward");
const LAST: MethodId = (method::LAST, "last");

impl Backbone for Instance {
    fn objective(&self) -> Result<Objective> {
        self.call(OBJECTIVE, &[])?.reply()
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(self.call(PARAMETERS, &[])?.tensors)
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let inputs = [("input", input), ("mask", mask)];
        let arguments = ForwardArguments { train };
        self.call_with(FORWARD, &inputs, &arguments)?.take("hidden")
    }

    fn last(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        if !self.offers(LAST) {
            return last_of(&self.forward(input, mask, false)?, mask);
        }
        self.call(LAST, &[("input", input), ("mask", mask)])?
            .take("hidden")
    }
}
