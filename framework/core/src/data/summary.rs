//! Figures of a data set for people.

use std::fmt;

use serde::Serialize;

use super::dataset::Dataset;
use super::date::Moment;
use crate::error::Result;
use crate::interrupt;

/// What a person wants to know about a data set at first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Name for people.
    pub name: String,
    /// Number of users, U.
    pub users: usize,
    /// Number of items, V.
    pub items: usize,
    /// Number of interactions.
    pub interactions: usize,
    /// Interactions divided by U · V.
    pub density: f64,
    /// Mean number of interactions of a user.
    pub mean_length: f64,
    /// Median number of interactions of a user.
    pub median_length: f64,
    /// Smallest number of interactions of a user.
    pub min_length: u64,
    /// Largest number of interactions of a user.
    pub max_length: u64,
    /// Time of the first interaction, unix seconds.
    pub first: Option<i64>,
    /// Time of the last interaction, unix seconds.
    pub last: Option<i64>,
    /// Share of neighbouring interactions of a user with the same time.
    pub tied: Option<f64>,
    /// Share of interactions with a rating.
    pub rated: f64,
    /// Share of items with a title, categories or other text.
    pub with_text: f64,
}

impl Summary {
    pub(super) fn of(data: &Dataset) -> Result<Self> {
        let (users, items, n) = (data.users(), data.items(), data.interactions());
        let mut lengths: Vec<u64> = data.offsets().windows(2).map(|w| w[1] - w[0]).collect();
        lengths.sort_unstable();
        let mut seen = Seen::default();
        for start in (0..users).step_by(4096) {
            interrupt::check()?;
            seen.add(data, start..(start + 4096).min(users))?;
        }
        let mut texts = 0;
        for item in 0..items {
            texts += usize::from(data.item(item as u32)?.has_text());
        }
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        Ok(Self {
            name: data.name().to_owned(),
            users,
            items,
            interactions: n,
            density: n as f64 / (users as f64 * items as f64),
            mean_length: n as f64 / users as f64,
            median_length: median(&lengths),
            min_length: lengths.first().copied().unwrap_or(0),
            max_length: lengths.last().copied().unwrap_or(0),
            first: seen.times.map(|t| t.0),
            last: seen.times.map(|t| t.1),
            tied: data.has_times().then(|| share(seen.tied, seen.neighbours)),
            rated: share(seen.rated, n),
            with_text: share(texts, items),
        })
    }
}

#[derive(Default)]
struct Seen {
    times: Option<(i64, i64)>,
    tied: usize,
    neighbours: usize,
    rated: usize,
}

impl Seen {
    fn add(&mut self, data: &Dataset, users: std::ops::Range<usize>) -> Result<()> {
        let columns = data.columns_of(users.clone())?;
        let ratings = columns.ratings.unwrap_or_default();
        self.rated += ratings.iter().filter(|r| !r.is_nan()).count();
        let Some(times) = columns.times else {
            return Ok(());
        };
        let (mut first, mut last) = self.times.unwrap_or((i64::MAX, i64::MIN));
        for time in &times {
            first = first.min(*time);
            last = last.max(*time);
        }
        self.times = Some((first, last));
        let base = data.offsets()[users.start];
        for user in users {
            let own =
                (data.offsets()[user] - base) as usize..(data.offsets()[user + 1] - base) as usize;
            let own = &times[own];
            self.neighbours += own.len().saturating_sub(1);
            self.tied += own.windows(2).filter(|w| w[0] == w[1]).count();
        }
        Ok(())
    }
}

fn median(sorted: &[u64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle] as f64,
        _ => (sorted[middle - 1] + sorted[middle]) as f64 / 2.0,
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        writeln!(f, "  users         {}", self.users)?;
        writeln!(
            f,
            "  items         {}  ({:.1} % with text)",
            self.items,
            100.0 * self.with_text
        )?;
        writeln!(
            f,
            "  interactions  {}  (density {:.4} %)",
            self.interactions,
            100.0 * self.density
        )?;
        let (min, max) = (self.min_length, self.max_length);
        let (mean, median) = (self.mean_length, self.median_length);
        writeln!(
            f,
            "  per user      {mean:.1} on average, median {median}, {min} to {max}"
        )?;
        match (self.first, self.last, self.tied) {
            (Some(first), Some(last), Some(tied)) => {
                write!(f, "  time          {} to {}", Moment(first), Moment(last))?;
                writeln!(f, "  ({:.1} % of neighbours tie)", 100.0 * tied)?;
            }
            _ => writeln!(f, "  time          none; the source's order is kept")?,
        }
        write!(f, "  rated         {:.1} %", 100.0 * self.rated)
    }
}
