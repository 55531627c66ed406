//! Items that a user already has, as places in a block of scores.

use tch::{Device, Tensor};

use crate::error::Result;

/// The seen items of a block of cases, back to back, without each case's target.
pub(super) struct Seen {
    /// Row in the block, i64 `[S]`.
    pub rows: Tensor,
    /// Place in the block's scores when these are one long row, i64 `[S]`.
    pub places: Tensor,
}

impl Seen {
    /// Collects the distinct items of each history but its target.
    pub fn new<'a>(
        cases: impl Iterator<Item = (&'a [u32], u32)>,
        n_items: i64,
        device: Device,
    ) -> Result<Self> {
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        let mut items = Vec::new();
        for (row, (history, target)) in cases.enumerate() {
            items.clear();
            items.extend(history.iter().copied().filter(|&i| i != target));
            items.sort_unstable();
            items.dedup();
            let row = row as i64;
            rows.extend(std::iter::repeat_n(row, items.len()));
            places.extend(items.iter().map(|&i| row * n_items + i64::from(i)));
        }
        Ok(Self {
            rows: Tensor::f_from_slice(&rows)?.f_to_device(device)?,
            places: Tensor::f_from_slice(&places)?.f_to_device(device)?,
        })
    }
}
