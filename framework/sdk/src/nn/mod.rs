//! Layers that backbones are made of: parameters with names, linear maps, layer norms, dropout, attention, Transformer
//! blocks, and checks of their settings. Optional: a backbone may as well call libtorch itself.

mod attention;
mod block;
mod check;
mod dropout;
mod feed_forward;
mod input;
mod layers;
mod parameters;
mod positions;

pub use attention::{Attention, Visible};
pub use block::{Block, BlockSettings, NormOrder};
pub use check::{check_blocks, check_dropout, check_init_std, check_sizes};
pub use dropout::dropout;
pub use feed_forward::{Activation, FeedForward};
pub use input::check_input;
pub use layers::{LayerNorm, Linear};
pub use parameters::{Parameters, share};
pub use positions::Positions;
