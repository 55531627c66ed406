//! GRU4Rec: recommendation with gated recurrent units, as a backbone.
//!
//! B. Hidasi, A. Karatzoglou, L. Baltrunas, D. Tikk, *Session-based Recommendations with Recurrent Neural Networks*, ICLR
//! 2016, <https://arxiv.org/abs/1511.06939>; B. Hidasi, A. Karatzoglou, *Recurrent Neural Networks with Top-k Gains for
//! Session-based Recommendations*, CIKM 2018, <https://arxiv.org/abs/1706.03847>. See [`Gru4Rec`] for the layers and for
//! where they differ from the papers.

mod layer;
mod model;
mod settings;

pub use model::Gru4Rec;
pub use settings::Settings;

lapidary_sdk::register!(backbone: Gru4Rec);
lapidary_sdk::export_plugin!();
