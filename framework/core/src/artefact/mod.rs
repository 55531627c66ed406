//! Artefacts: what a stage computed, named by a fingerprint of all that went into it.
//!
//! A finished artefact is a folder with `tensors.safetensors` and `artefact.json`. It appears by one rename, so nobody
//! ever sees half of one; it is checked when it is read, and made again when it does not hold.

mod collect;
mod content;
mod store;

use crate::lock;

pub use collect::{Also, Collection, Collector, Sort, Thing, Wanted};
pub use content::Content;
pub(crate) use content::{missing_is_damage, read_json, write_json, write_tensors};
pub(crate) use store::TRAINING;
pub use store::{Origin, Stage, Store};
