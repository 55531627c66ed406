//! Items that training never saw: they take no part in the loss, and get their vectors afterwards from items that are like
//! them.

use tch::{Device, Kind, Tensor};

use super::model::Model;
use crate::data::Split;
use crate::error::Result;
use crate::refine::{Unseen, UnseenRule};

/// Distances held at once.
const MAX_DISTANCES: i64 = 1 << 24;

/// The items that training knows, where that are not all.
#[derive(Debug)]
pub(super) struct Known {
    /// Their numbers, i64 `[W]`.
    pub items: Tensor,
    /// Where each item stands among them, i64 `[V]`; of no meaning for the others.
    pub places: Tensor,
}

impl Known {
    /// All items of a split but those held out; none where none is.
    pub fn new(split: &Split, device: Device) -> Result<Option<Self>> {
        if split.held_out().is_empty() {
            return Ok(None);
        }
        let items = known(split.n_items as i64, split.held_out());
        let mut places = vec![0i64; split.n_items];
        for (place, item) in (0i64..).zip(&items) {
            places[*item as usize] = place;
        }
        Ok(Some(Self {
            items: Tensor::f_from_slice(&items)?.f_to_device(device)?,
            places: Tensor::f_from_slice(&places)?.f_to_device(device)?,
        }))
    }
}

/// All items but `unseen`, which rise.
fn known(n_items: i64, unseen: &[u32]) -> Vec<i64> {
    (0..n_items)
        .filter(|&item| unseen.binary_search(&(item as u32)).is_err())
        .collect()
}

impl Model {
    /// Gives items that training never saw the columns that are not guided scores, by the rule. Guided columns tell which
    /// items are near; without any, all are equally near.
    ///
    /// # Errors
    /// When memory is short.
    pub fn place_unseen(&mut self, unseen: &[u32], how: Unseen) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        let known = known(self.items.input.values.size()[0], unseen);
        if unseen.is_empty() || known.is_empty() {
            return Ok(());
        }
        let m = self.attributes().len() as i64;
        let number = |&item: &u32| i64::from(item);
        let unseen = Tensor::f_from_slice(&unseen.iter().map(number).collect::<Vec<_>>())?;
        let (unseen, known) = (
            unseen.f_to_device(self.device)?,
            Tensor::f_from_slice(&known)?.f_to_device(self.device)?,
        );
        for table in self.items.values() {
            let width = table.size()[1];
            let free = table.f_narrow(1, m, width - m)?;
            let rows = match how.rule {
                UnseenRule::Keep => free.f_index_select(0, &unseen)?,
                UnseenRule::Zero => {
                    Tensor::f_zeros([unseen.size()[0], width - m], (Kind::Float, self.device))?
                }
                UnseenRule::Nearest => {
                    let guided = table.f_narrow(1, 0, m)?;
                    let near = |rows: &Tensor| guided.f_index_select(0, rows);
                    let from = free.f_index_select(0, &known)?;
                    mean_of_nearest(&near(&unseen)?, &near(&known)?, &from, how.neighbours)?
                }
            };
            let _ = { free }.f_index_copy_(0, &unseen, &rows)?;
        }
        Ok(())
    }
}

/// For each row the mean of those `values` whose `keys` are nearest to it, by Euclidean distance.
///
/// # Shapes
/// `rows` f32 `[C,m]`, `keys` f32 `[W,m]`, `values` f32 `[W,k]`; result f32 `[C,k]`. With m = 0 it is the mean of all.
fn mean_of_nearest(
    rows: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    neighbours: usize,
) -> Result<Tensor> {
    let ((count, m), (known, k)) = (rows.size2()?, values.size2()?);
    if m == 0 {
        let mean = values.f_mean_dim([0i64].as_slice(), true, Kind::Float)?;
        return Ok(mean.f_repeat([count, 1])?);
    }
    let neighbours = (neighbours as i64).clamp(1, known);
    let height = (MAX_DISTANCES / known.max(1)).max(1);
    let mut parts = Vec::new();
    for first in (0..count).step_by(height as usize) {
        let rows = rows.f_narrow(0, first, height.min(count - first))?;
        // Exact distances: the faster way by a product loses digits where items are alike.
        let distances = Tensor::f_cdist(&rows, keys, 2.0, Some(2))?;
        let (_, nearest) = distances.f_topk(neighbours, 1, false, true)?;
        let taken = values.f_index_select(0, &nearest.f_reshape([-1i64])?)?;
        let taken = taken.f_view([rows.size()[0], neighbours, k])?;
        parts.push(taken.f_mean_dim([1i64].as_slice(), false, Kind::Float)?);
    }
    Ok(Tensor::f_cat(&parts, 0)?)
}

#[cfg(test)]
#[path = "unseen_test.rs"]
mod tests;
