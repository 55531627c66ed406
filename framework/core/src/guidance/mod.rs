//! Guided scores: what a language model says of items and users, attribute by attribute.
//!
//! A [`Scorer`] renders requests through a prompt strategy, asks only what the [`Cache`] does not know, and turns the
//! answers into [`GuidedScores`]. [`attributes::load`] reads the attributes; [`agreement`] holds scores against known
//! categories.

pub mod agreement;
pub mod attributes;
mod cache;
mod measure;
mod propose;
mod score;
mod scores;

pub use cache::{Cache, Key};
pub use measure::answer_once;
pub use propose::{Proposal, ProposeSettings};
pub(crate) use score::history_mean;
pub use score::{Scorer, Users};
pub use scores::{Figures, GuidedScores, Tally};
