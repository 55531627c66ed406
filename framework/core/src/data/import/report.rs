//! What an import did.

use std::fmt;

use serde::Serialize;

use super::bad::BadLines;
use super::rows::Dropped;
use super::spec::Format;

/// What an import read, left out and kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportReport {
    /// Name of the data set.
    pub name: String,
    /// Format that was read.
    pub format: Format,
    /// Files that were read.
    pub files: Vec<String>,
    /// Interactions that were read, bad lines not counted.
    pub read: u64,
    /// Interactions that the filters dropped.
    pub dropped: Dropped,
    /// Lines that were left out because they cannot be read.
    pub bad: Vec<BadLines>,
    /// Users kept, U.
    pub users: usize,
    /// Items kept, V.
    pub items: usize,
    /// Interactions kept.
    pub interactions: usize,
    /// Items with a title, categories or other text.
    pub items_with_text: usize,
    /// Whether interactions have times; without them the source's order is the order in time.
    pub has_times: bool,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, format, seconds) = (&self.name, self.format.name(), self.seconds);
        writeln!(
            f,
            "{name}: {} interactions read as {format} in {seconds:.2} s",
            self.read
        )?;
        let dropped = &self.dropped;
        for (count, why) in [
            (dropped.below_min_rating, "rated below min_rating"),
            (dropped.without_rating, "without a rating"),
            (dropped.outside_dates, "outside from and until"),
            (dropped.duplicates, "duplicates"),
            (dropped.k_core, "outside the k-core"),
        ] {
            if count > 0 {
                writeln!(f, "  {count} dropped: {why}")?;
            }
        }
        for bad in &self.bad {
            writeln!(
                f,
                "  {} bad lines: {} ({})",
                bad.count,
                bad.reason,
                bad.first.join(", ")
            )?;
        }
        if !self.has_times {
            writeln!(f, "  no times: the source's order is kept")?;
        }
        let (users, items, kept) = (self.users, self.items, self.interactions);
        write!(
            f,
            "  kept: {users} users, {items} items ({} with text), {kept} interactions",
            self.items_with_text
        )
    }
}
