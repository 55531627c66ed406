//! SASRec: self-attentive sequential recommendation, as a backbone.
//!
//! W.-C. Kang, J. McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018,
//! <https://arxiv.org/abs/1808.09781>. See [`SasRec`] for the layers and for where they differ from the paper.

mod model;
pub mod reference;
mod settings;

pub use lapidary_sdk::nn::{Activation, NormOrder};
pub use model::SasRec;
pub use settings::Settings;

lapidary_sdk::register!(backbone: SasRec);
lapidary_sdk::export_plugin!();
