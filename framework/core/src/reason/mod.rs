//! Reasons of recommendations, and whether they hold.
//!
//! A score is the product of a user's vector and an item's, and the first m columns are the attributes': each attribute has
//! a part in the score, and the parts and the rest add up to it, whether the user's guided part is trained, computed by
//! the backbone or its hidden state itself, and for a cosine too. [`Steered`] moves users along attributes;
//! [`faithfulness()`] and [`steering()`] measure whether the parts say what the ranking does.

mod faithfulness;
mod steer;
mod steering;
#[cfg(test)]
mod tests;

pub use faithfulness::{Faithfulness, FaithfulnessSettings, faithfulness};
pub use steer::{Steer, Steered};
pub use steering::{Steering, SteeringSettings, Step, steering};

use crate::error::{Error, Result};

/// Refuses a model without attributes; `place` names what was asked.
///
/// # Errors
/// [`Error::Setting`] that says why and what to do.
pub fn refuse_without_attributes(place: &str, attributes: &[String]) -> Result<()> {
    if !attributes.is_empty() {
        return Ok(());
    }
    let reason = "the model has no attributes: it was trained without guided scores, so that its scores have no parts \
                  which a person could read; fit one on `lapidary.refine { base = …, guided = … }`";
    Err(Error::setting(place, reason))
}
