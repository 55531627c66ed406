//! LightGCN: user and item vectors that a walk over the graph of interactions smooths.
//!
//! X. He, K. Deng, X. Wang, Y. Li, Y. Zhang, M. Wang, *LightGCN: Simplifying and Powering Graph Convolution Network for
//! Recommendation*, SIGIR 2020, <https://arxiv.org/abs/2002.02126>. See [`LightGcn`].

mod embedder;
mod graph;
mod network;
mod settings;

pub use embedder::LightGcn;
pub use settings::Settings;

lapidary_sdk::register!(base_embedder: LightGcn);
lapidary_sdk::export_plugin!();
