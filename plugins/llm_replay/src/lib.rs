//! Answers from a recording: the component `replay` of kind `llm`, for tests and for showing results again without a
//! model. [`recording`] reads and writes the recordings.

pub mod recording;
mod replay;

pub use recording::Recording;
pub use replay::{Replay, Settings};

lapidary_sdk::register!(llm: Replay);
lapidary_sdk::export_plugin!();
