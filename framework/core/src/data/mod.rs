//! Interactions and item text: importing, storing, splitting.
//!
//! A [`Dataset`] is a folder of memory-mapped columns. [`load_toml`] imports one from a description and opens it,
//! [`Dataset::create`] writes one from memory, [`split`] cuts it into training, validation and test.

mod dataset;
#[cfg(test)]
mod dataset_tests;
pub mod date;
mod export;
pub mod import;
mod item;
mod load;
mod mapped;
pub mod sequences;
pub mod split;
mod store;
mod summary;

pub use dataset::{Dataset, UserColumns};
pub use export::export;
pub use item::ItemText;
pub use load::{find_stored, load, load_toml};
pub use sequences::Sequences;
pub use split::{
    Case, CaseSet, Cold, LeaveOneOut, Split, SplitReport, Targets, Temporal, leave_one_out,
    temporal,
};
pub use store::Contents;
pub use summary::Summary;
