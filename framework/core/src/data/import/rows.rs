//! Interactions in memory, on their way from the source's order to the stored form.

use std::collections::HashMap;
use std::path::PathBuf;

use super::bad::{LineError, LineResult};
use super::spec::{Duplicates, Filters};
use crate::data::{Contents, ItemText};
use crate::error::{Error, Result};
use crate::interrupt;

/// One interaction as a source gives it.
pub(super) struct Row<'a> {
    pub user: &'a str,
    pub item: &'a str,
    pub rating: Option<f32>,
    pub time: Option<i64>,
}

/// Interactions that were read and left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Dropped {
    /// Rated below `min_rating`.
    pub below_min_rating: u64,
    /// Not rated, while `min_rating` is set.
    pub without_rating: u64,
    /// Before `from`, or not before `until`.
    pub outside_dates: u64,
    /// Another interaction of the same user with the same item was kept.
    pub duplicates: u64,
    /// Their user or item has too few.
    pub k_core: u64,
}

/// Numbers identifiers by their first appearance.
#[derive(Default)]
struct Numbers(HashMap<Box<str>, u32>);

impl Numbers {
    fn of(&mut self, id: &str) -> LineResult<u32> {
        if let Some(number) = self.0.get(id) {
            return Ok(*number);
        }
        let number = u32::try_from(self.0.len())
            .ok()
            .filter(|n| *n < i32::MAX as u32);
        let number =
            number.ok_or_else(|| LineError::bare("more identifiers than can be numbered"))?;
        self.0.insert(id.into(), number);
        Ok(number)
    }

    fn into_ids(self) -> Vec<Box<str>> {
        let mut ids = vec![Box::default(); self.0.len()];
        for (id, number) in self.0 {
            ids[number as usize] = id;
        }
        ids
    }
}

/// All interactions read so far, as columns.
#[derive(Default)]
pub(super) struct Rows {
    filters: Filters,
    users: Numbers,
    items: Numbers,
    user: Vec<u32>,
    item: Vec<u32>,
    time: Vec<i64>,
    rating: Vec<f32>,
    timed: bool,
    untimed: bool,
    pub read: u64,
    pub dropped: Dropped,
}

impl Rows {
    /// No interactions yet; those that `filters` refuse by themselves are never kept.
    pub fn new(filters: Filters) -> Self {
        Self {
            filters,
            ..Self::default()
        }
    }

    /// Takes an interaction in.
    pub fn push(&mut self, row: &Row<'_>) -> LineResult<()> {
        check_id(row.user, "the user's identifier")?;
        check_id(row.item, "the item's identifier")?;
        self.read += 1;
        if let Some(least) = self.filters.min_rating {
            match row.rating {
                None => self.dropped.without_rating += 1,
                Some(rating) if rating < least => self.dropped.below_min_rating += 1,
                Some(_) => return self.push_dated(row),
            }
            return Ok(());
        }
        self.push_dated(row)
    }

    fn push_dated(&mut self, row: &Row<'_>) -> LineResult<()> {
        // Before the dates are looked at: what has no time must not pass for an interaction of 1970.
        self.timed |= row.time.is_some();
        self.untimed |= row.time.is_none();
        let time = row.time.unwrap_or(0);
        let early = self.filters.from.is_some_and(|from| time < from.0);
        if early || self.filters.until.is_some_and(|until| time >= until.0) {
            self.dropped.outside_dates += 1;
            return Ok(());
        }
        let (user, item) = (self.users.of(row.user)?, self.items.of(row.item)?);
        self.user.push(user);
        self.item.push(item);
        self.time.push(time);
        self.rating.push(row.rating.unwrap_or(f32::NAN));
        Ok(())
    }

    /// Sorts by user and time, filters, and numbers users and items anew: users by their first appearance in the source,
    /// items by their first appearance in the sorted interactions. Equal times keep the source's order. `files` are what was
    /// read, for messages.
    ///
    /// # Errors
    /// [`Error::Setting`] when the filters need times that are not there, or leave nothing.
    pub fn into_contents(mut self, name: &str, files: &[PathBuf]) -> Result<(Contents, Dropped)> {
        if self.timed && self.untimed {
            let reason = "some of the interactions have a time and some have none";
            return Err(Error::setting(format!("data set `{name}`"), reason));
        }
        if self.untimed && (self.filters.from.is_some() || self.filters.until.is_some()) {
            let reason = "`from` and `until` need times, and the source has none";
            return Err(Error::setting(
                format!("data set `{name}`: filters"),
                reason,
            ));
        }
        self.sort();
        self.drop_duplicates();
        self.peel()?;
        if self.user.is_empty() {
            return Err(Error::setting(
                format!("data set `{name}`"),
                self.why_empty(files),
            ));
        }
        let timed = !self.untimed;
        Ok(self.compact(name, timed))
    }

    fn sort(&mut self) {
        let mut place = vec![0usize; self.users.0.len() + 1];
        for user in &self.user {
            place[*user as usize + 1] += 1;
        }
        for at in 1..place.len() {
            place[at] += place[at - 1];
        }
        let ends = place[1..].to_vec();
        let mut order = vec![0u32; self.user.len()];
        for (row, user) in self.user.iter().enumerate() {
            let place = &mut place[*user as usize];
            order[*place] = row as u32;
            *place += 1;
        }
        let mut start = 0;
        for end in ends {
            order[start..end].sort_by_key(|row| self.time[*row as usize]);
            start = end;
        }
        fn permute<T: Copy>(column: &mut Vec<T>, order: &[u32]) {
            *column = order.iter().map(|row| column[*row as usize]).collect();
        }
        permute(&mut self.user, &order);
        permute(&mut self.item, &order);
        permute(&mut self.time, &order);
        permute(&mut self.rating, &order);
    }

    fn drop_duplicates(&mut self) {
        let n = self.user.len();
        // The user that an item was last seen with, plus one: users come one after the other.
        let mut seen = vec![0u32; self.items.0.len()];
        let mut keep = vec![true; n];
        let mut look = |row: usize| {
            let owner = self.user[row] + 1;
            keep[row] = std::mem::replace(&mut seen[self.item[row] as usize], owner) != owner;
        };
        match self.filters.duplicates {
            Duplicates::Keep => return,
            Duplicates::First => (0..n).for_each(&mut look),
            Duplicates::Last => (0..n).rev().for_each(&mut look),
        }
        self.dropped.duplicates = self.retain(&keep);
    }

    /// Drops users and items with fewer than k interactions until none is left.
    fn peel(&mut self) -> Result<()> {
        let Some(k) = self.filters.k_core.filter(|k| *k > 1) else {
            return Ok(());
        };
        loop {
            interrupt::check()?;
            let users = count(&self.user, self.users.0.len());
            let items = count(&self.item, self.items.0.len());
            let pairs = self.user.iter().zip(&self.item);
            let keep: Vec<bool> = pairs
                .map(|(u, i)| users[*u as usize] >= k && items[*i as usize] >= k)
                .collect();
            match self.retain(&keep) {
                0 => return Ok(()),
                dropped => self.dropped.k_core += dropped,
            }
        }
    }

    fn retain(&mut self, keep: &[bool]) -> u64 {
        fn retain<T>(column: &mut Vec<T>, keep: &[bool]) {
            let mut keep = keep.iter();
            column.retain(|_| keep.next().copied().unwrap_or(false));
        }
        let before = self.user.len();
        retain(&mut self.user, keep);
        retain(&mut self.item, keep);
        retain(&mut self.time, keep);
        retain(&mut self.rating, keep);
        (before - self.user.len()) as u64
    }

    fn why_empty(&self, files: &[PathBuf]) -> String {
        if self.read == 0 {
            let files: Vec<_> = files.iter().map(|f| f.display().to_string()).collect();
            return format!("the source holds no interaction: {}", files.join(", "));
        }
        let d = &self.dropped;
        let reasons = [
            (d.below_min_rating, "below min_rating"),
            (d.without_rating, "without a rating"),
            (d.outside_dates, "outside from and until"),
            (d.k_core, "outside the k-core"),
        ];
        let reasons = reasons
            .iter()
            .filter(|r| r.0 > 0)
            .map(|(n, why)| format!("{n} {why}"));
        format!(
            "the filters leave none of {} interactions: {}",
            self.read,
            reasons.collect::<Vec<_>>().join(", ")
        )
    }

    fn compact(self, name: &str, timed: bool) -> (Contents, Dropped) {
        const NONE: u32 = u32::MAX;
        let (user_ids, item_ids) = (self.users.into_ids(), self.items.into_ids());
        let mut numbers = vec![NONE; item_ids.len()];
        let mut contents = Contents {
            name: name.to_owned(),
            ..Contents::default()
        };
        let mut last = NONE;
        for (row, (user, item)) in self.user.iter().zip(&self.item).enumerate() {
            if *user != last {
                last = *user;
                contents.offsets.push(row as u64);
                contents.users.push(user_ids[*user as usize].to_string());
            }
            let number = &mut numbers[*item as usize];
            if *number == NONE {
                *number = contents.items.len() as u32;
                contents
                    .items
                    .push(ItemText::unknown(item_ids[*item as usize].to_string()));
            }
            contents.interactions.push(*number);
        }
        contents.offsets.push(self.user.len() as u64);
        contents.times = timed.then_some(self.time);
        contents.ratings = self
            .rating
            .iter()
            .any(|r| !r.is_nan())
            .then_some(self.rating);
        (contents, self.dropped)
    }
}

fn count(numbers: &[u32], len: usize) -> Vec<u32> {
    let mut counts = vec![0u32; len];
    for number in numbers {
        counts[*number as usize] = counts[*number as usize].saturating_add(1);
    }
    counts
}

fn check_id(id: &str, what: &str) -> LineResult<()> {
    if id.is_empty() {
        return Err(LineError::bare(format!("{what} is missing")));
    }
    if id.contains(['\n', '\r', '\0']) {
        return Err(LineError::new(format!("{what} holds a line break"), id));
    }
    Ok(())
}
