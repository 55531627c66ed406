//! eSASRec: SASRec with the Transformer blocks of LiGR, as a backbone.
//!
//! D. Tikhonovich, N. Zelinskiy, A. V. Petrov, M. Spirina, A. Semenov, A. V. Savchenko, S. Kuliev, *eSASRec: Enhancing
//! Transformer-based Recommendations in a Modular Fashion*, RecSys 2025, <https://arxiv.org/abs/2508.06450>. See
//! [`ESasRec`] for the layers and for where they differ from the paper.

mod block;
mod model;
mod settings;

pub use model::ESasRec;
pub use settings::Settings;

lapidary_sdk::register!(backbone: ESasRec);
lapidary_sdk::export_plugin!();
