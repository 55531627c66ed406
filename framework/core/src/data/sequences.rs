//! Sequences of item numbers, one a user, stored back to back.

/// The sequence of each user in CSR form: user `u` owns `items[offsets[u]..offsets[u + 1]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    /// U + 1 positions in `items`, rising from 0.
    pub offsets: Vec<u64>,
    /// Item numbers from 0 to V − 1.
    pub items: Vec<u32>,
}

impl Sequences {
    /// Number of users, U.
    pub fn users(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The items of a user, oldest first.
    pub fn of(&self, user: usize) -> &[u32] {
        &self.items[self.offsets[user] as usize..self.offsets[user + 1] as usize]
    }
}
