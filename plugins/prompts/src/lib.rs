//! Prompt strategies: ways of asking a language model for attribute scores.
//!
//! - [`ScorePhrases`]: how likely are phrases that name the attribute? For models of any size; needs no generation.
//! - [`ScoreDigits`]: which digit is expected on a scale? For models that can use a scale.
//! - [`ScoreJson`]: one written answer for all attributes. For large models.
//! - [`Templated`]: the same as a template file asks, after examples ([`FewShot`]) or the model's reasoning ([`Reasoned`]).
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod calibration;
mod digits;
mod file;
mod json;
mod phrases;
mod template;
mod templated;
mod text;
mod written;

pub use digits::ScoreDigits;
pub use json::ScoreJson;
pub use phrases::ScorePhrases;
pub use templated::{FewShot, Reasoned, Templated};

lapidary_sdk::register!(prompt_strategy: ScorePhrases);
lapidary_sdk::register!(prompt_strategy: ScoreDigits);
lapidary_sdk::register!(prompt_strategy: ScoreJson);
lapidary_sdk::register!(prompt_strategy: Templated<FewShot>);
lapidary_sdk::register!(prompt_strategy: Templated<Reasoned>);
lapidary_sdk::export_plugin!();

#[cfg(test)]
mod fixtures;
