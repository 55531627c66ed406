//! BERT4Rec: bidirectional self-attention for sequential recommendation, as a backbone.
//!
//! F. Sun, J. Liu, J. Wu, C. Pei, X. Lin, W. Ou, P. Jiang, *BERT4Rec: Sequential Recommendation with Bidirectional Encoder
//! Representations from Transformer*, CIKM 2019, <https://arxiv.org/abs/1904.06690>. See [`Bert4Rec`] for the layers and
//! for where they differ from the paper.

mod model;
mod settings;

pub use lapidary_sdk::nn::{Activation, NormOrder};
pub use model::Bert4Rec;
pub use settings::Settings;

lapidary_sdk::register!(backbone: Bert4Rec);
lapidary_sdk::export_plugin!();
