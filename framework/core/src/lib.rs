//! The Lapidary host: data, plugins, guidance, refinement, training, ranking, artefacts and explanations.
//!
//! Data goes one way, a folder a stage: [`data`] → [`guidance`] → [`refine`] → [`train`] → [`rank`].

pub mod artefact;
pub mod data;
pub mod device;
pub mod error;
pub mod fingerprint;
pub mod guidance;
pub mod interrupt;
pub mod plugin;
pub mod progress;
pub mod rank;
pub mod refine;
pub mod run;
pub mod suggest;
pub mod train;

pub use error::{Error, Result};
