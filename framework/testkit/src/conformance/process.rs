//! The process's seed belongs to the host.

use tch::Tensor;

use super::tensors::{FLOATS, same};
use crate::suite::{Checked, Rule, Section, holds};

/// What [`keeps_seed`] stands for.
pub(super) const SEED: Rule = Rule::new(
    "seed",
    Section::Process,
    "do not call `manual_seed`: draw from a generator of your own that is seeded from the context, or go on drawing from libtorch's",
);

/// Holds that a call does not set the process's seed: what is drawn after it still depends on the seed before it.
pub(super) fn keeps_seed(what: &str, mut call: impl FnMut() -> Checked) -> Checked {
    let mut draw = |seed| -> Checked<Tensor> {
        tch::manual_seed(seed);
        call()?;
        Ok(Tensor::f_rand([8], FLOATS)?)
    };
    let (one, two) = (draw(1)?, draw(2)?);
    holds(!same(&one, &two)?, || {
        format!("`{what}` sets the process's seed")
    })
}
