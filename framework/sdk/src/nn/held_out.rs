//! How well held-out items are ranked.

use super::RankingTask;
use crate::prelude::*;
use crate::random::Generator;

/// Items that a user had not, per held-out item.
const OTHERS: usize = 100;

/// Users that are looked at at a time.
const BLOCK: i64 = 1024;

/// Held-out items, each with items that the user had not, drawn once.
pub struct HeldOut {
    /// i64 `[n]`
    users: Tensor,
    /// i64 `[n,1+OTHERS]`, the held-out item first.
    items: Tensor,
}

impl HeldOut {
    /// None where nothing is held out.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(
        task: &RankingTask,
        generator: &mut Generator,
        device: Device,
    ) -> Result<Option<Self>> {
        if task.held_out.is_empty() {
            return Ok(None);
        }
        let (mut users, mut items) = (Vec::new(), Vec::new());
        for &(user, item) in &task.held_out {
            users.push(user as i64);
            items.push(item as i64);
            items.extend((0..OTHERS).map(|_| task.draw_other(user, generator) as i64));
        }
        let items = Tensor::f_from_slice(&items)?.f_view([-1, 1 + OTHERS as i64])?;
        Ok(Some(Self {
            users: Tensor::f_from_slice(&users)?.f_to_device(device)?,
            items: items.f_to_device(device)?,
        }))
    }

    /// One less the area under the ROC curve: how often an item that a user had not has a higher score than the held-out
    /// one; of equal scores, half. No number where a score is none.
    ///
    /// # Shapes
    /// `users` f32 `[U,d]`, `items` f32 `[V,d]`.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn loss(&self, users: &Tensor, items: &Tensor) -> Result<f64> {
        let mut lost = 0.0;
        let numbers = self.users.f_split(BLOCK, 0)?;
        for (user, item) in numbers.iter().zip(self.items.f_split(BLOCK, 0)?) {
            let scores = scores(users, items, user, &item)?;
            if scores.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Ok(f64::NAN);
            }
            let held_out = scores.f_narrow(1, 0, 1)?;
            let others = scores.f_narrow(1, 1, OTHERS as i64)?;
            let count = |tensor: Tensor| tensor.f_sum(DType::Int64)?.f_int64_value(&[]);
            let above = count(others.f_gt_tensor(&held_out)?)?;
            let level = count(others.f_eq_tensor(&held_out)?)?;
            lost += above as f64 + 0.5 * level as f64;
        }
        Ok(lost / (self.users.size1()? as f64 * OTHERS as f64))
    }
}

/// Scores f32 `[n,k]` of items i64 `[n,k]` for users i64 `[n]`.
fn scores(users: &Tensor, items: &Tensor, user: &Tensor, item: &Tensor) -> Result<Tensor> {
    let (n, k) = item.size2()?;
    let p = users.f_index_select(0, user)?.f_unsqueeze(2)?;
    let q = items
        .f_index_select(0, &item.f_view([-1])?)?
        .f_view([n, k, -1])?;
    Ok(q.f_matmul(&p)?.f_squeeze_dim(2)?)
}
