//! For authors of components: checks that every component of a kind passes, and helpers that find built plugins
//! and other programs.
//!
//! A plugin's `tests/conformance.rs` is two lines:
//!
//! ```ignore
//! use lapidary_sasrec as _;
//! lapidary_testkit::conformance!(backbone: "sasrec");
//! ```
//!
//! It runs the checks twice, with the component linked into the test and with the component of the built library, and
//! compares the numbers. Link one plugin into a test program, not more: each exports the same symbol. `lapidary
//! check-plugin` runs the same checks on any library, whatever language it is written in.

#[allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used
)]
pub mod backbone;
#[allow(clippy::disallowed_methods, clippy::panic, clippy::expect_used)]
pub mod base_embedder;
pub mod conformance;
pub mod in_tests;
#[allow(clippy::panic, clippy::expect_used)]
pub mod library;
pub mod programs;
pub mod report;
pub mod suite;
