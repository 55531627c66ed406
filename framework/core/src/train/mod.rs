//! Training: the host's loop around a backbone.
//!
//! [`Model`] joins an item table, the users' side and a backbone; [`fit()`] trains it and returns its [`History`].

mod adam;
mod ask;
mod batch;
pub(crate) mod checkpoint;
mod cross_entropy;
mod fit;
mod history;
mod items;
mod model;
mod padded;
mod sampled;
mod schedule;
mod scoring;
pub(crate) mod seed;
mod settings;
mod shared;
mod state;
mod step;
mod trace;
mod unseen;
mod users;
mod validation;

#[cfg(test)]
pub(crate) mod tests;

pub use adam::{Adam, Parameter};
pub use batch::{Batch, TrainingSet};
pub use cross_entropy::{Blocks, cross_entropy};
pub(crate) use fit::all_finite;
pub use fit::fit;
pub use history::{EpochRecord, History, Observer, Silent, Stop};
pub use items::identifier_embedding;
pub use model::{Model, ModelDescription};
pub use sampled::{Sampled, sampled};
pub use schedule::{Decay, Schedule};
pub use seed::seed_weights;
pub use settings::{LossKind, OptimiserKind, Settings};
pub use shared::{Shared, shared};
