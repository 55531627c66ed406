//! Training from end to end.
//!
//! These tests compare weights bit by bit. libtorch has one generator for the whole process, so they have a process of
//! their own, and all that draw from it take turns.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod adam;
mod asking;
mod cold;
mod learning;
mod longer;
mod resumption;
#[path = "../support/mod.rs"]
mod support;
