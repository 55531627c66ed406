#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adam;
mod asking;
mod gradients;
mod learning;
mod losses;
mod resumption;
pub(crate) mod support;
