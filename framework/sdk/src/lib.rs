//! All that an author of a Lapidary plugin sees.
//!
//! A plugin is a crate of type `cdylib`. It implements [`Component`] and the trait of one kind for each of its types,
//! registers them, and exports them:
//!
//! ```
//! use lapidary_sdk::prelude::*;
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
//! #[serde(default, deny_unknown_fields)]
//! struct Settings {}
//!
//! /// Keeps the first columns.
//! struct First {
//!     dim: i64,
//! }
//!
//! impl Component for First {
//!     const NAME: &'static str = "first";
//!     const SUMMARY: &'static str = "Keeps the first columns.";
//!     type Settings = Settings;
//!     type Context = ReducerContext;
//!
//!     fn create(_: Settings, _: ReducerContext) -> Result<Self> {
//!         Ok(Self { dim: 0 })
//!     }
//! }
//!
//! impl Reducer for First {
//!     fn fit(&mut self, _table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
//!         self.dim = dim;
//!         Ok(None)
//!     }
//!
//!     fn transform(&self, table: &Tensor) -> Result<Tensor> {
//!         Ok(table.f_narrow(1, 0, self.dim)?)
//!     }
//! }
//!
//! lapidary_sdk::register!(reducer: First);
//! lapidary_sdk::export_plugin!();
//! # fn main() {}
//! ```
//!
//! Everything that crosses the boundary is described in `ABI.md` of `lapidary-abi`.

pub mod component;
pub mod error;
pub mod export;
pub mod host;
pub mod kinds;
pub mod lenient;
pub mod nn;
pub mod random;
pub mod serve;
mod table;

pub use component::{Component, Description, Kind, Method, State, Stateful};
pub use error::{Error, Result};
pub use inventory;
pub use lapidary_abi as abi;
pub use schemars;
pub use tch;

/// What most plugins need.
pub mod prelude {
    pub use crate::component::{Component, State};
    pub use crate::error::{Error, Result, must};
    pub use crate::kinds::*;
    pub use tch::{Device, Kind as DType, Tensor};
}

/// Reads `cpu` or `cuda:N`, as contexts spell devices.
///
/// # Errors
/// When the text is something else.
pub fn device(text: &str) -> Result<tch::Device> {
    match text.strip_prefix("cuda:").map(str::parse) {
        Some(Ok(number)) => Ok(tch::Device::Cuda(number)),
        None if text == "cpu" => Ok(tch::Device::Cpu),
        _ => Err(Error::invalid(format!(
            "`{text}` is no device; expected `cpu` or `cuda:N`"
        ))),
    }
}
