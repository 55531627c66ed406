//! Backbones behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::backbone::{ForwardArguments, method};
use lapidary_sdk::kinds::{Backbone, Objective};
use tch::Tensor;

use super::{Instance, MethodId};

const OBJECTIVE: MethodId = (method::OBJECTIVE, "objective");
const PARAMETERS: MethodId = (method::PARAMETERS, "parameters");
const FORWARD: MethodId = (method::FORWARD, "forward");

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
}
