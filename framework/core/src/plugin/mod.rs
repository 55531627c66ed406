//! Plugins: finding, checking and loading them; their components behind the traits of the SDK.
//!
//! [`Registry`] is the way in. What may be in a library is written in `framework/abi/ABI.md`.

mod checked;
mod error;
mod handshake;
mod host;
mod loader;
mod native;
mod object_file;
mod registry;
mod search;
mod settings;

pub use error::PluginError;
pub use host::{TorchVersion, running_torch, running_torch_path};
pub use loader::{GlobalLibrary, global_libraries};
pub use registry::{Entry, Factory, Loaded, Make, Origin, Place, Refused, Registry, Report};
pub use search::SearchPath;

pub(crate) use loader::open_global;
