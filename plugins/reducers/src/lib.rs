//! Reducers: principal components and random projection.

mod pca;
mod random_projection;
mod table;

pub use pca::{Pca, PcaSettings};
pub use random_projection::{RandomProjection, RandomProjectionSettings};

lapidary_sdk::register!(reducer: Pca);
lapidary_sdk::register!(reducer: RandomProjection);
lapidary_sdk::export_plugin!();
