//! Backbones behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::backbone::{ForwardArguments, method};
use lapidary_sdk::kinds::{Backbone, BackboneContext, Objective};
use tch::{Kind as DType, Tensor};

use super::{Instance, Native, stateful};

const OBJECTIVE: super::MethodId = (method::OBJECTIVE, "objective");
const PARAMETERS: super::MethodId = (method::PARAMETERS, "parameters");
const FORWARD: super::MethodId = (method::FORWARD, "forward");

struct NativeBackbone {
    instance: Instance,
}

stateful!(NativeBackbone);

pub(super) fn make(
    native: &Native,
    settings: &serde_json::Value,
    context: &BackboneContext,
) -> Result<Box<dyn Backbone>> {
    let instance = native.create(settings, context)?;
    Ok(Box::new(NativeBackbone { instance }))
}

impl Backbone for NativeBackbone {
    fn objective(&self) -> Result<Objective> {
        let returned = self.instance.call(OBJECTIVE, &[])?;
        let objective = returned.reply()?;
        match objective {
            Objective::Cloze { mask_probability } if !(0.0..=1.0).contains(&mask_probability) => {
                Err(returned.error(format!("{mask_probability} is no probability")))
            }
            _ => Ok(objective),
        }
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        let returned = self.instance.call(PARAMETERS, &[])?;
        for (name, tensor) in &returned.tensors {
            let sizes = tensor.size();
            let shape: Vec<_> = sizes.iter().map(|&size| ("", size)).collect();
            returned.check(name, tensor, DType::Float, &shape)?;
            if !tensor.requires_grad() || !tensor.f_is_leaf()? {
                return Err(returned.error(format!(
                    "parameter `{name}` cannot be trained: it must require gradients and not be computed from others"
                )));
            }
        }
        Ok(returned.tensors)
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let inputs = [("input", input), ("mask", mask)];
        let arguments = ForwardArguments { train };
        let mut returned = self.instance.call_with(FORWARD, &inputs, &arguments)?;
        let shape: Vec<_> = ["B", "L", "d"].into_iter().zip(input.size()).collect();
        returned.take("hidden", DType::Float, &shape, input)
    }
}
