//! For authors of components: suites that every component of a kind passes, and helpers that find built plugins.
//!
//! A plugin's `tests/conformance.rs` is two lines:
//!
//! ```ignore
//! use lapidary_sasrec as _;
//! lapidary_testkit::conformance!("sasrec"; backbone: "sasrec");
//! ```
//!
//! It runs each suite twice, with the component linked into the test and with the component of the built library, and
//! compares the numbers. Link one plugin into a test program, not more: each exports the same symbol.
// A failed check ends the test with its message, as assertions do.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used
)]

pub mod backbone;
pub mod base_embedder;
pub mod conformance;
pub mod library;
