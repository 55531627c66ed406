//! Base embedders behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::base_embedder::method;
use lapidary_sdk::kinds::{BaseEmbedder, BaseEmbedderContext, BaseEmbeddings, Interactions};
use tch::Kind as DType;

use super::{Instance, Native, stateful};

const FIT: super::MethodId = (method::FIT, "fit");

struct NativeBaseEmbedder {
    instance: Instance,
    n_items: i64,
    dim: i64,
}

stateful!(NativeBaseEmbedder);

pub(super) fn make(
    native: &Native,
    settings: &serde_json::Value,
    context: &BaseEmbedderContext,
) -> Result<Box<dyn BaseEmbedder>> {
    Ok(Box::new(NativeBaseEmbedder {
        instance: native.create(settings, context)?,
        n_items: context.n_items,
        dim: context.dim,
    }))
}

impl BaseEmbedder for NativeBaseEmbedder {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let inputs = [("offsets", &train.offsets), ("items", &train.items)];
        let mut returned = self.instance.call(FIT, &inputs)?;
        let users = returned.take_optional("users");
        if let Some(users) = &users {
            let n_users = train.offsets.size().first().map_or(0, |n| n - 1);
            let shape = [("U", n_users), ("d", self.dim)];
            returned.check("users", users, DType::Float, &shape)?;
        }
        let shape = [("V", self.n_items), ("d", self.dim)];
        let items = returned.take_optional("items");
        let items = items.ok_or_else(|| returned.error(returned.missing("items")))?;
        returned.check("items", &items, DType::Float, &shape)?;
        Ok(BaseEmbeddings { items, users })
    }
}
