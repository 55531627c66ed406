//! Layers that backbones are made of: parameters with names, linear maps, layer norms, dropout, attention, Transformer
//! blocks; what components share that train by themselves: Adam over rows, ranking until held-out items are ranked no better, the best state so far; and checks of settings.
//! Optional: a component may as well call libtorch itself.

mod attention;
mod best;
mod block;
mod check;
mod dropout;
mod feed_forward;
mod held_out;
mod input;
mod layers;
mod parameters;
mod positions;
mod ranker;
mod sparse_adam;
mod stack;
mod triples;

pub use attention::{Attention, Visible};
pub use best::Best;
pub use block::{Block, BlockSettings, NormOrder};
pub use check::{
    check_at_least_one, check_blocks, check_dropout, check_finite, check_init_std,
    check_not_negative, check_positive, check_share, check_sizes,
};
pub use dropout::dropout;
pub use feed_forward::{Activation, FeedForward};
pub use input::check_input;
pub use layers::{LayerNorm, Linear};
pub use parameters::{Parameters, share};
pub use positions::Positions;
pub use ranker::{Passes, Ranker};
pub use sparse_adam::{SparseAdam, sum_by_row};
pub use stack::{Layer, Stack};
pub use triples::{Interaction, RankingTask, Triples};
