//! PPMI-SVD: item vectors from the company that items keep, with no sequence model.
//!
//! O. Levy, Y. Goldberg, *Neural Word Embedding as Implicit Matrix Factorization*, NeurIPS 2014,
//! <https://papers.nips.cc/paper/5477-neural-word-embedding-as-implicit-matrix-factorization>. See [`PpmiSvd`].

mod cooccurrence;
mod embedder;
mod settings;
mod svd;

pub use embedder::PpmiSvd;
pub use settings::Settings;

lapidary_sdk::register!(base_embedder: PpmiSvd);
lapidary_sdk::export_plugin!();
