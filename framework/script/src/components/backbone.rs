//! Backbones in Lua: the host trains the parameters that `create` leaves in `self.parameters`.

use std::rc::Rc;

use lapidary_sdk::kinds::backbone::last_of;
use lapidary_sdk::kinds::{Backbone, BackboneContext, Objective};
use lapidary_sdk::nn::share;
use lapidary_sdk::{Error, Result, State, Stateful, device};
use mlua::Value;
use serde_json::{Value as Json, json};
use tch::{Kind, Tensor};

use super::instance::{Argument, Instance, Source};

struct LuaBackbone {
    instance: Instance,
    parameters: Vec<(String, Tensor)>,
    objective: Objective,
    has_last: bool,
    dim: i64,
    max_len: i64,
}

pub(super) fn create(
    source: &Rc<Source>,
    settings: &Json,
    context: &BackboneContext,
) -> Result<Box<dyn Backbone>> {
    let device = device(&context.device)?;
    let instance = Instance::create(source, settings, &json!(context), device)?;
    let parameters = instance.tensors("parameters")?;
    if parameters.is_empty() {
        let reason = "`create` must return a table with `parameters`: tensors by name, each made by `lapidary.parameter`";
        return Err(instance.error(reason));
    }
    for (name, tensor) in &parameters {
        if !tensor.requires_grad() || !tensor.f_is_leaf()? {
            let reason =
                format!("`parameters.{name}` cannot be trained: make it with `lapidary.parameter`");
            return Err(instance.error(reason));
        }
    }
    Ok(Box::new(LuaBackbone {
        objective: objective(&instance)?,
        has_last: instance.has("last"),
        dim: context.dim,
        max_len: context.max_len,
        instance,
        parameters,
    }))
}

/// `objective = { mask_probability = p }` asks for masked positions; without it each position predicts the next item.
fn objective(instance: &Instance) -> Result<Objective> {
    let wrong = || {
        instance.error(
            "`objective` is `{ mask_probability = … }`, or is left out to predict the next item",
        )
    };
    match instance.field("objective")? {
        Value::Nil => Ok(Objective::NextItem),
        Value::Table(table) => {
            let mask_probability = table.raw_get("mask_probability").map_err(|_| wrong())?;
            Ok(Objective::Cloze { mask_probability })
        }
        _ => Err(wrong()),
    }
}

impl LuaBackbone {
    /// Says what is wrong with a batch before Lua sees it.
    fn check(&self, input: &Tensor, mask: &Tensor) -> Result<()> {
        let (size, found) = (input.size(), mask.size());
        let fits = matches!(size.as_slice(), [_, length, dim] if *dim == self.dim && *length <= self.max_len)
            && found.as_slice() == size.get(..2).unwrap_or_default()
            && mask.f_kind()? == Kind::Bool;
        match fits {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "expected an input [B,L,{}] with L of at most {} and a mask bool [B,L]; found {size:?} and {found:?}",
                self.dim, self.max_len
            ))),
        }
    }
}

impl Backbone for LuaBackbone {
    fn objective(&self) -> Result<Objective> {
        Ok(self.objective)
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(share(&self.parameters))
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        self.check(input, mask)?;
        let arguments = [
            Argument::Tensor(input),
            Argument::Tensor(mask),
            Argument::Truth(train),
        ];
        let hidden = self.instance.call("forward", &arguments)?;
        self.instance.tensor("forward", &hidden)
    }

    fn last(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        if !self.has_last {
            return last_of(&self.forward(input, mask, false)?, mask);
        }
        self.check(input, mask)?;
        let arguments = [Argument::Tensor(input), Argument::Tensor(mask)];
        let hidden = self.instance.call("last", &arguments)?;
        self.instance.tensor("last", &hidden)
    }
}

impl Stateful for LuaBackbone {
    fn save(&self) -> Result<State> {
        Ok(State {
            tensors: share(&self.parameters),
            json: Json::Null,
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        state.copy_into(&self.parameters)
    }
}
