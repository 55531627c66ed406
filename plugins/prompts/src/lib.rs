//! Prompt strategies: three ways of asking a language model for attribute scores.
//!
//! - [`ScorePhrases`]: how likely are phrases that name the attribute? For models of any size; needs no generation.
//! - [`ScoreDigits`]: which digit is expected on a scale? For models that can use a scale.
//! - [`ScoreJson`]: one written answer for all attributes. For large models.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod calibration;
mod digits;
mod json;
mod lenient;
mod phrases;
mod template;
mod text;

pub use digits::ScoreDigits;
pub use json::ScoreJson;
pub use phrases::ScorePhrases;

lapidary_sdk::register!(prompt_strategy: ScorePhrases);
lapidary_sdk::register!(prompt_strategy: ScoreDigits);
lapidary_sdk::register!(prompt_strategy: ScoreJson);
lapidary_sdk::export_plugin!();

#[cfg(test)]
mod fixtures;
