//! The stages of an experiment. Each names its result by a fingerprint of all that goes in, and loads it from the store
//! or makes it: [`embed`] (or [`precomputed`], [`embed_texts`]) → [`guide`] (or [`bring_scores`]) → [`refine`] → [`train`] →
//! [`evaluate`]. [`fine_tune`] makes a language model for another round of [`guide`].
//!
//! What a stage returns carries its fingerprint and the split it was made from; a later stage refuses parts of different
//! splits. In a dry run everything that can be checked is checked, and the values are missing.

mod base;
mod bring;
mod component;
mod context;
mod evaluate;
mod guide;
mod kept;
mod portrait;
mod precomputed;
mod propose;
mod reasons;
mod recommender;
mod refine;
#[cfg(test)]
mod tests;
mod text;
mod train;
mod tune;

pub use base::{BaseEmbedding, embed, embed_with_backbone};
pub use bring::bring_scores;
pub use component::{Chosen, LanguageModel, PromptStrategy};
pub use context::Context;
pub(crate) use context::UNFINISHED;
pub use evaluate::{
    Baseline, Candidates, Evaluation, Question, evaluate, evaluate_baseline, evaluation_stage,
};
pub use guide::{GuideSettings, GuidedEmbedding, guide, guide_users, item_text};
pub use kept::{KeptModel, KeptRun, Reopened};
pub use portrait::{Portrait, Shaping};
pub use precomputed::{Missing, PrecomputedSettings, precomputed};
pub use propose::{Proposed, propose};
pub use reasons::{faithfulness, steering};
pub use recommender::{Reason, Reasons, Recommended, Recommender};
pub use refine::{RefinedEmbedding, refine};
pub use text::{TextSettings, embed_texts};
pub use train::{Start, train};
pub use tune::{Tuned, fine_tune};

use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;

/// Refuses parts that were made from different splits: one may have trained on what another tests.
///
/// # Errors
/// [`Error::Setting`] that names both splits.
pub fn same_split(stage: &str, what: [&str; 2], splits: [&Fingerprint; 2]) -> Result<()> {
    if splits[0] == splits[1] {
        return Ok(());
    }
    let [first, second] = what;
    Err(Error::setting(
        stage,
        format!(
            "{first} is of split {}, {second} of split {}; make both from one split, or one may have seen what the other tests",
            splits[0].short(),
            splits[1].short()
        ),
    ))
}
