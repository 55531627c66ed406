//! Item2vec: skip-gram with negative sampling over the histories.
//!
//! O. Barkan, N. Koenigstein, *Item2Vec: Neural Item Embedding for Collaborative Filtering*, 2016,
//! <https://arxiv.org/abs/1603.04259>. See [`Item2Vec`].

mod corpus;
mod embedder;
mod settings;
mod vectors;

pub use embedder::Item2Vec;
pub use settings::Settings;

lapidary_sdk::register!(base_embedder: Item2Vec);
lapidary_sdk::export_plugin!();
