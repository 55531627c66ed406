//! What can be ranked.

use tch::Tensor;

use crate::data::{CaseSet, Split};
use crate::error::Result;

/// Asks which item comes next for one user.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The user's number, where it is one of the training set's users.
    pub user: Option<u32>,
    /// The user's items, oldest first; of any length, empty too. A scorer looks at as many of the last as it can.
    pub history: &'a [u32],
}

impl<'a> Query<'a> {
    /// A user of a split with what they did before the target of a case of theirs, or altogether; none where they have no
    /// such case.
    pub fn of(split: &'a Split, user: u32, before: Option<CaseSet>) -> Option<Self> {
        let history = match before {
            None => split.sequences.of(user as usize),
            Some(set) => split
                .asked(set)
                .history(*split.cases(set).iter().find(|c| c.user == user)?),
        };
        Some(Self {
            user: Some(user),
            history,
        })
    }
}

/// Gives scores to the whole catalogue: a trained model, or a baseline.
pub trait Scorer {
    /// Size of the catalogue, V.
    fn n_items(&self) -> i64;

    /// Scores of all items for each query. The caller may overwrite the result. `-inf` marks an item that is never
    /// recommended; NaN is an error.
    ///
    /// # Shapes
    /// Result f32 `[B,V]` for B queries, on any device.
    ///
    /// # Errors
    /// When a query cannot be answered.
    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor>;
}
