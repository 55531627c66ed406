//! Interactions and item text: importing, storing, splitting.

pub mod sequences;
pub mod split;

pub use sequences::Sequences;
pub use split::{Case, Split, SplitReport};
