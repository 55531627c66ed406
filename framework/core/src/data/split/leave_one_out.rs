//! Leave-one-out: each user's last interaction tests, the one before it validates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold_out::hold_out;
use super::order::ordered;
use super::{Case, Split, SplitReport};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::fingerprint::Builder;
use crate::settings::{self, OutOfRange, out_of_range};

/// Settings of [`leave_one_out`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeaveOneOut {
    /// Histories are cut to their last `max_len` items.
    pub max_len: usize,
    /// Breaks ties in time.
    pub seed: u64,
    /// Users with fewer interactions train only; at least 3.
    pub min_len: usize,
    /// Share of the items that are held out of training, drawn by the seed: their interactions go, and `split.cold` asks
    /// for them.
    pub hold_out_items: f64,
}

impl Default for LeaveOneOut {
    fn default() -> Self {
        Self {
            max_len: 50,
            seed: 0,
            min_len: 3,
            hold_out_items: 0.0,
        }
    }
}

impl LeaveOneOut {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        let share = (0.0..1.0).contains(&self.hold_out_items);
        out_of_range([
            ("max_len", self.max_len > 0, "at least 1"),
            (
                "min_len",
                self.min_len >= 3,
                "at least 3: a test, a validation and a training item",
            ),
            (
                "hold_out_items",
                share,
                "a share of the items, from 0 to below 1",
            ),
        ])
    }
}

/// Cuts each user's sequence: the last item tests, the one before it validates, the others train.
///
/// # Errors
/// [`Error::Setting`] for values out of range, or when no user has enough interactions.
pub fn leave_one_out(data: &Dataset, settings: &LeaveOneOut) -> Result<Split> {
    settings::check(settings, settings.problems(), "leave_one_out")?;
    let mut ordered = ordered(data, settings.seed)?;
    let held_out = hold_out(data, &mut ordered, settings.hold_out_items, settings.seed)?;
    let lengths = ordered
        .sequences
        .offsets
        .windows(2)
        .map(|w| (w[1] - w[0]) as usize);
    let (mut train_len, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for (user, n) in lengths.enumerate() {
        let evaluated = n >= settings.min_len;
        let trains = if evaluated { n - 2 } else { n } as u32;
        train_len.push(trains);
        if evaluated {
            valid.push(Case {
                user: user as u32,
                end: trains,
            });
            test.push(Case {
                user: user as u32,
                end: trains + 1,
            });
        }
    }
    if test.is_empty() {
        let reason = format!(
            "no user of `{}` has {} interactions",
            data.name(),
            settings.min_len
        );
        return Err(Error::setting("leave_one_out", reason));
    }
    let fingerprint = Builder::new("split")
        .part("data", data.fingerprint())
        .json("leave one out", &named(settings))
        .finish();
    let cold = held_out.map(|out| out.into_cold(&fingerprint, data.items(), settings.max_len));
    let mut split = Split {
        fingerprint,
        n_items: data.items(),
        sequences: Default::default(),
        train_len,
        valid,
        test,
        max_len: settings.max_len,
        report: SplitReport::default(),
        cold,
    };
    split.finish(ordered, 0);
    Ok(split)
}

/// The settings as they name a split; one that holds nothing out keeps the name it had before that could be done.
fn named(settings: &LeaveOneOut) -> serde_json::Value {
    let mut named = super::as_json(settings);
    if let (0.0, Some(map)) = (settings.hold_out_items, named.as_object_mut()) {
        map.shift_remove("hold_out_items");
    }
    named
}
