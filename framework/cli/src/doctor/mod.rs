//! What `lapidary doctor` looks at.

pub mod gpu;
pub mod libraries;
pub mod models;
