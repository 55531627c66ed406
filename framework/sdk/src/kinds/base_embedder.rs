//! Base embedders: item tables learned from training interactions alone.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::component::{Component, Kind, Method, Stateful};
use crate::error::{Error, Result};
use crate::serve::{Incoming, Serve};

/// Learns a base embedding of items, and of users where it has one.
///
/// Any backbone is also a base embedder: the host trains it on its own item table. This kind is for embedders that
/// are not sequence models.
pub trait BaseEmbedder: Stateful {
    /// Learns from the training interactions.
    ///
    /// # Errors
    /// When the input cannot be used.
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings>;
}

/// Training interactions in CSR form: user `u` owns `items[offsets[u]..offsets[u + 1]]`, oldest first.
#[derive(Debug)]
pub struct Interactions {
    /// i64 `[U+1]`, rising from 0.
    pub offsets: Tensor,
    /// i64 `[N]`, item numbers from 0 to V − 1.
    pub items: Tensor,
}

/// What a base embedder learned.
#[derive(Debug)]
pub struct BaseEmbeddings {
    /// f32 `[V,d]`.
    pub items: Tensor,
    /// f32 `[U,d]`, where the embedder has user vectors.
    pub users: Option<Tensor>,
}

/// What the host tells a base embedder on creation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BaseEmbedderContext {
    /// Embedding size, d.
    pub dim: i64,
    /// Size of the catalogue, V.
    pub n_items: i64,
    /// Seed for all that is random.
    pub seed: u64,
    /// `cpu` or `cuda:N`.
    pub device: String,
}

/// Method numbers.
pub mod method {
    /// `fit`.
    pub const FIT: u32 = 1;
}

/// The methods of a base embedder, as written in `ABI.md`.
pub fn methods() -> Vec<Method> {
    vec![Method::new(
        method::FIT,
        "fit",
        &["offsets i64 [U+1]", "items i64 [N]"],
        &["items f32 [V,d]", "users f32 [U,d] (optional)"],
    )]
}

/// Serves base embedders.
pub struct BaseEmbedderKind;

impl<T: Component<Context = BaseEmbedderContext> + BaseEmbedder> Serve<T> for BaseEmbedderKind {
    const KIND: Kind = Kind::BaseEmbedder;

    fn invoke(instance: &mut T, number: u32, call: &mut Incoming<'_>) -> Result<()> {
        match number {
            method::FIT => {
                let train = Interactions {
                    offsets: call.input("offsets")?.shallow_clone(),
                    items: call.input("items")?.shallow_clone(),
                };
                let learned = instance.fit(&train)?;
                call.give("items", learned.items)?;
                learned
                    .users
                    .map_or(Ok(()), |users| call.give("users", users))
            }
            other => Err(Error::Unsupported(other)),
        }
    }
}
