//! Moves to a GPU, where there is one.

use crate::suite::{Checked, Measured, Rule, Section, Suite};

/// The device of the checks.
pub(super) const GPU: &str = "cuda:0";

/// Runs a check on the GPU; skipped without one.
pub(super) fn moves(suite: &mut Suite<'_>, section: Section, body: impl FnOnce() -> Checked) {
    let rule = Rule::new(
        "device moves",
        section,
        "make outputs and parameters on the device that the context names, or on that of the inputs; a state loads on either",
    );
    suite.measure(rule, || match tch::Cuda::is_available() {
        false => Ok(Measured::Skipped("no CUDA device")),
        true => body().map(|()| Measured::As(String::new())),
    });
}
