//! Global temporal split: everybody trains before one moment, is validated after it, and tested after a later one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{Ordered, ordered};
use super::{Case, Split, SplitReport};
use crate::data::Dataset;
use crate::data::date::Moment;
use crate::error::{Error, Result};
use crate::fingerprint::Builder;
use crate::settings::{self, OutOfRange, out_of_range};

/// Settings of [`temporal`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Temporal {
    /// Validation begins here; together with `test_from`, instead of `quantiles`.
    pub valid_from: Option<Moment>,
    /// Test begins here.
    pub test_from: Option<Moment>,
    /// Shares of all interactions before validation and before test begin, used without the two moments.
    pub quantiles: (f64, f64),
    /// Which interactions after a cut are targets.
    pub targets: Targets,
    /// Histories are cut to their last `max_len` items.
    pub max_len: usize,
    /// Breaks ties in time.
    pub seed: u64,
}

/// Which interactions after a cut are targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Targets {
    /// Each user's first.
    #[default]
    First,
    /// All of them.
    All,
}

impl Default for Temporal {
    fn default() -> Self {
        Self {
            valid_from: None,
            test_from: None,
            quantiles: (0.8, 0.9),
            targets: Targets::First,
            max_len: 50,
            seed: 0,
        }
    }
}

impl Temporal {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        let (low, high) = self.quantiles;
        out_of_range([
            ("max_len", self.max_len > 0, "at least 1"),
            (
                "quantiles",
                0.0 < low && low < high && high < 1.0,
                "two shares that rise between 0 and 1",
            ),
        ])
    }
}

/// Cuts at two moments for all users: interactions before the first train, those from the first to the second validate,
/// later ones test. A case's history is all that its user did before the target. Nobody trains on the future.
///
/// # Errors
/// [`Error::Setting`] when the data set has no times, for cuts out of order, and when a part would be empty.
pub fn temporal(data: &Dataset, settings: &Temporal) -> Result<Split> {
    settings::check(settings, settings.problems(), "temporal")?;
    let ordered = ordered(data, settings.seed)?;
    let Some(times) = &ordered.times else {
        let reason = format!("`{}` has no times; use leave_one_out", data.name());
        return Err(Error::setting("temporal", reason));
    };
    let (valid_from, test_from) = cuts(times, settings)?;
    let mut split = Split {
        fingerprint: Builder::new("split")
            .part("data", data.fingerprint())
            .json("temporal", &super::as_json(settings))
            .finish(),
        n_items: data.items(),
        sequences: Default::default(),
        train_len: Vec::with_capacity(data.users()),
        valid: Vec::new(),
        test: Vec::new(),
        max_len: settings.max_len,
        report: SplitReport::default(),
        cold: None,
    };
    let without_history = cut(
        &mut split,
        &ordered,
        (valid_from, test_from),
        settings.targets,
    );
    let trains = split.train_len.iter().any(|n| *n > 0);
    for (part, empty) in [
        ("training", !trains),
        ("validation", split.valid.is_empty()),
        ("test", split.test.is_empty()),
    ] {
        if empty {
            let (valid_from, test_from) = (Moment(valid_from), Moment(test_from));
            let reason = format!(
                "{part} would be empty with validation from {valid_from} and test from {test_from}"
            );
            return Err(Error::setting("temporal", reason));
        }
    }
    split.finish(ordered, without_history);
    Ok(split)
}

fn cuts(times: &[i64], settings: &Temporal) -> Result<(i64, i64)> {
    let (valid_from, test_from) = match (settings.valid_from, settings.test_from) {
        (Some(valid), Some(test)) => (valid.0, test.0),
        (None, None) => {
            let (low, high) = settings.quantiles;
            let mut times = times.to_vec();
            let mut at = |share: f64| {
                let place = ((share * times.len() as f64) as usize).min(times.len() - 1);
                *times.select_nth_unstable(place).1
            };
            (at(low), at(high))
        }
        _ => {
            let reason = "`valid_from` and `test_from` are needed together, or neither";
            return Err(Error::setting("temporal", reason));
        }
    };
    if valid_from < test_from {
        return Ok((valid_from, test_from));
    }
    let (valid, test) = (Moment(valid_from), Moment(test_from));
    let reason = format!("validation would begin at {valid}, not before test at {test}");
    Err(Error::setting("temporal", reason))
}

/// Fills training lengths and cases; returns how many targets have no history.
fn cut(split: &mut Split, ordered: &Ordered, cuts: (i64, i64), targets: Targets) -> u64 {
    let mut without_history = 0;
    for user in 0..ordered.sequences.users() {
        let times = ordered.times_of(user).unwrap_or_default();
        let valid = times.partition_point(|t| *t < cuts.0);
        let test = times.partition_point(|t| *t < cuts.1);
        split.train_len.push(valid as u32);
        for (from, to, cases) in [
            (valid, test, &mut split.valid),
            (test, times.len(), &mut split.test),
        ] {
            let to = if targets == Targets::First {
                to.min(from + 1)
            } else {
                to
            };
            let asked = (from.max(1)..to).map(|end| Case {
                user: user as u32,
                end: end as u32,
            });
            without_history += u64::from(from == 0 && to > 0);
            cases.extend(asked);
        }
    }
    without_history
}
