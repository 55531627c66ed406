//! Splits: which part of each user's sequence trains, validates and tests.

mod hold_out;
mod leave_one_out;
mod order;
mod report;
mod temporal;
#[cfg(test)]
mod tests;

use crate::data::Sequences;
use crate::fingerprint::Fingerprint;

pub use leave_one_out::{LeaveOneOut, leave_one_out};
pub use temporal::{Targets, Temporal, temporal};

/// One question to a recommender: given the first `end` items of a user's sequence, which item is next?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The user.
    pub user: u32,
    /// Length of the history; the target stands at this place of the user's sequence.
    pub end: u32,
}

/// Which cases of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseSet {
    /// Those that choose the best epoch and the settings.
    Valid,
    /// Those that are reported.
    Test,
    /// Those whose targets are items held out of training.
    Cold,
}

impl CaseSet {
    /// Its name in files, messages and fingerprints.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Test => "test",
            Self::Cold => "cold",
        }
    }

    /// The set of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Valid, Self::Test, Self::Cold]
            .into_iter()
            .find(|set| set.name() == name)
    }
}

/// A data set cut into training, validation and test. Validation and test cases are prefixes of a user's whole
/// sequence, so nothing is stored twice.
#[derive(Clone, Debug)]
pub struct Split {
    /// Names the data set, the kind of split and its settings.
    pub fingerprint: Fingerprint,
    /// Size of the catalogue, V.
    pub n_items: usize,
    /// The whole sequence of each user, oldest first, ties broken.
    pub sequences: Sequences,
    /// For each user, how many items from the start may be trained on.
    pub train_len: Vec<u32>,
    /// Validation cases.
    pub valid: Vec<Case>,
    /// Test cases.
    pub test: Vec<Case>,
    /// Histories are cut to their last `max_len` items.
    pub max_len: usize,
    /// Figures for people.
    pub report: SplitReport,
    /// Items held out of training, where there are any.
    pub cold: Option<Cold>,
}

/// Items that were held out of training, and cases that ask for them.
#[derive(Clone, Debug)]
pub struct Cold {
    /// The items, rising; no sequence of the split holds them.
    pub items: Vec<u32>,
    /// A split whose test cases are the cold ones: a user's sequence is what they did before the target, and the target.
    pub cases: Box<Split>,
}

/// What a person should know about a split.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct SplitReport {
    /// Whether the data set has times; without them the source's order is kept and ties cannot be told.
    pub has_times: bool,
    /// Interactions that may be trained on.
    pub train_interactions: u64,
    /// Number of validation cases.
    pub valid_cases: u64,
    /// Number of test cases.
    pub test_cases: u64,
    /// Targets left out because their user has no earlier interaction.
    pub without_history: u64,
    /// Share of validation targets with the same time as the item before them.
    pub tied_valid: f64,
    /// Share of test targets with the same time as the item before them.
    pub tied_test: f64,
    /// Share of validation targets that no training sequence holds.
    pub cold_valid: f64,
    /// Share of test targets that no training sequence holds.
    pub cold_test: f64,
    /// Share of test targets that their user's history already holds.
    pub repeated_test: f64,
    /// Items held out of training.
    #[serde(default)]
    pub held_out_items: u64,
    /// Cases that ask for one of these.
    #[serde(default)]
    pub cold_cases: u64,
}

impl Split {
    /// The training sequence of a user, oldest first (not cut to `max_len`).
    pub fn train(&self, user: usize) -> &[u32] {
        &self.sequences.of(user)[..self.train_len[user] as usize]
    }

    /// The cases of a set; their histories and targets are those of [`Split::asked`].
    pub fn cases(&self, set: CaseSet) -> &[Case] {
        match set {
            CaseSet::Valid => &self.valid,
            CaseSet::Test => &self.test,
            CaseSet::Cold => self.cold.as_ref().map_or(&[], |cold| &cold.cases.test),
        }
    }

    /// The split whose sequences the cases of a set belong to: cold cases have sequences of their own.
    pub fn asked(&self, set: CaseSet) -> &Self {
        match (set, &self.cold) {
            (CaseSet::Cold, Some(cold)) => &cold.cases,
            _ => self,
        }
    }

    /// The items held out of training, rising.
    pub fn held_out(&self) -> &[u32] {
        self.cold.as_ref().map_or(&[], |cold| &cold.items)
    }

    /// The history of a case, oldest first (not cut to `max_len`).
    pub fn history(&self, case: Case) -> &[u32] {
        &self.sequences.of(case.user as usize)[..case.end as usize]
    }

    /// The target of a case.
    pub fn target(&self, case: Case) -> u32 {
        self.sequences.of(case.user as usize)[case.end as usize]
    }
}

impl Split {
    /// Takes the sequences in and fills the report.
    fn finish(&mut self, ordered: order::Ordered, without_history: u64) {
        self.sequences = ordered.sequences;
        self.report = report::report(self, ordered.times.as_deref(), without_history);
    }
}

fn as_json(settings: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(settings).unwrap_or_default()
}
