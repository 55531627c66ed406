//! Base embedders behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::base_embedder::method;
use lapidary_sdk::kinds::{BaseEmbedder, BaseEmbeddings, Interactions};

use super::{Instance, MethodId};

const FIT: MethodId = (method::FIT, "fit");

impl BaseEmbedder for Instance {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let inputs = [("offsets", &train.offsets), ("items", &train.items)];
        let mut returned = self.call(FIT, &inputs)?;
        Ok(BaseEmbeddings {
            users: returned.take_optional("users"),
            items: returned.take("items")?,
        })
    }
}
