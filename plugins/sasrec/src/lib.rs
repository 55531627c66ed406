//! SASRec: self-attentive sequential recommendation, as a backbone.
//!
//! W.-C. Kang, J. McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018,
//! <https://arxiv.org/abs/1808.09781>. See [`SasRec`] for the layers and for where they differ from the paper.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod attention;
mod dropout;
mod feed_forward;
mod layers;
mod model;
mod parameters;
mod positions;
pub mod reference;
mod settings;

pub use model::SasRec;
pub use settings::{Activation, NormOrder, Settings};

lapidary_sdk::register!(backbone: SasRec);
lapidary_sdk::export_plugin!();
