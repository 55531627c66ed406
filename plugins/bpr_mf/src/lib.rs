//! BPR-MF: user and item vectors whose inner products rank the items that a user had above those they had not.
//!
//! S. Rendle, C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme, *BPR: Bayesian Personalized Ranking from Implicit Feedback*,
//! UAI 2009, <https://arxiv.org/abs/1205.2618>. See [`BprMf`].

mod embedder;
mod factors;
mod settings;

pub use embedder::BprMf;
pub use settings::Settings;

lapidary_sdk::register!(base_embedder: BprMf);
lapidary_sdk::export_plugin!();
