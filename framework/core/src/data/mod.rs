//! Interactions and item text: importing, storing, splitting.
//!
//! A [`Dataset`] is a folder of memory-mapped columns. [`Dataset::create`] writes one; [`split`] cuts it into training,
//! validation and test.

mod dataset;
#[cfg(test)]
mod dataset_tests;
pub mod date;
mod item;
mod mapped;
pub mod sequences;
pub mod split;
mod store;
mod summary;

pub use dataset::{Dataset, UserColumns};
pub use item::ItemText;
pub use sequences::Sequences;
pub use split::{
    Case, LeaveOneOut, Split, SplitReport, Targets, Temporal, leave_one_out, temporal,
};
pub use store::Contents;
pub use summary::Summary;
