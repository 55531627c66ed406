#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod gradients;
mod losses;
#[path = "../../../tests/support/mod.rs"]
pub(crate) mod support;
