//! The settings of a script, and what must hold among them.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of [`crate::PpmiSvd`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Two items stand together if at most this many places lie from one to the other.
    #[schemars(range(min = 1))]
    pub window: u32,
    /// `log(shift)` is taken off the pointwise mutual information before what is negative is dropped: the number of
    /// negative samples of the equivalent word2vec. 1 takes off nothing.
    #[schemars(range(min = 1))]
    pub shift: f64,
    /// Singular values are raised to this power: 1 keeps inner products of rows, 0.5 shares them evenly between items
    /// and contexts, 0 drops them.
    #[schemars(range(min = 0))]
    pub power: f64,
    /// Rounds of the subspace iteration: more are more exact. Exact in any case where the catalogue is hardly larger
    /// than the embedding.
    pub iterations: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: 5,
            shift: 1.0,
            power: 0.5,
            iterations: 4,
        }
    }
}

impl Settings {
    /// Checks the settings and the context.
    pub(crate) fn check(&self, context: &BaseEmbedderContext) -> Result<()> {
        let BaseEmbedderContext { dim, n_items, .. } = *context;
        let wrong = |text: String| Err(Error::invalid(text));
        if dim < 1 || dim > n_items {
            return wrong(format!(
                "the embedding size must be from 1 to the size of the catalogue, {n_items}; found {dim}"
            ));
        }
        if self.window < 1 {
            return wrong("`window` must be at least 1; found 0".to_owned());
        }
        if !(self.shift >= 1.0 && self.shift.is_finite()) {
            return wrong(format!("`shift` must be at least 1; found {}", self.shift));
        }
        if !(self.power >= 0.0 && self.power.is_finite()) {
            return wrong(format!("`power` must be at least 0; found {}", self.power));
        }
        Ok(())
    }
}
