//! Reducers: principal components, whitening, truncated singular value decomposition, an autoencoder, random projection.

mod autoencoder;
mod network;
mod pca;
mod projection;
mod random_projection;
mod table;
mod truncated_svd;
mod whitening;

pub use autoencoder::{Autoencoder, AutoencoderSettings};
pub use pca::{Pca, PcaSettings};
pub use random_projection::{RandomProjection, RandomProjectionSettings};
pub use truncated_svd::{TruncatedSvd, TruncatedSvdSettings};
pub use whitening::{Whitening, WhiteningSettings};

lapidary_sdk::register!(reducer: Autoencoder);
lapidary_sdk::register!(reducer: Pca);
lapidary_sdk::register!(reducer: RandomProjection);
lapidary_sdk::register!(reducer: TruncatedSvd);
lapidary_sdk::register!(reducer: Whitening);
lapidary_sdk::export_plugin!();
