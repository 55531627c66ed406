//! The Lapidary host: data, plugins, guidance, refinement, training, ranking, artefacts and explanations.
//!
//! Data goes one way, a folder a stage: [`data`] → [`guidance`] → [`refine`] → [`train`] → [`rank`]; [`tune`] makes the
//! language model of [`guidance`] a better one. [`pipeline`] keeps what each of them makes under a fingerprint of what went in.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

// Test helpers name this crate as integration tests do.
#[cfg(test)]
extern crate self as lapidary_core;

pub mod artefact;
pub mod data;
pub mod device;
pub mod error;
pub mod export;
pub mod files;
pub mod fingerprint;
pub mod guidance;
pub mod interrupt;
mod lock;
pub mod mistakes;
pub mod pipeline;
pub mod plugin;
pub mod progress;
pub mod rank;
pub mod reason;
pub mod refine;
pub mod report;
pub mod run;
pub mod search;
pub mod settings;
pub mod suggest;
pub mod sweep;
pub mod toml_file;
mod torch_words;
pub mod train;
pub mod tune;

pub use error::{Error, Result};
