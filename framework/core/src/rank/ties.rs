//! Ties in lists of the best items, broken by chance: no order of the catalogue can profit.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use crate::data::Case;
use crate::error::Result;

/// The best k of each row of `scores`, best first: scores f32 `[B,k]` and items i64 `[B,k]`. Which of the items that score
/// the same come in, and in what order, is drawn with the case as seed, so it does not depend on the block.
///
/// # Shapes
/// `scores` f32 `[B,V]` for the B `cases`; k from 1 to V.
pub(super) fn top(scores: &Tensor, k: usize, cases: &[Case]) -> Result<(Tensor, Tensor)> {
    let (k, n_items) = (k as i64, scores.size()[1]);
    // One more than is wanted shows whether the last one ties with what is left out.
    let wide = (k + 1).min(n_items);
    let (best, items) = scores.f_topk(wide, 1, true, true)?;
    let (upper, lower) = (
        best.f_narrow(1, 0, wide - 1)?,
        best.f_narrow(1, 1, wide - 1)?,
    );
    let tied = upper.f_eq_tensor(&lower)?.f_any_dim(1, false)?;
    let rows = tied.f_nonzero()?.f_view([-1i64])?;
    let (mut best, mut items) = (best.f_narrow(1, 0, k)?, items.f_narrow(1, 0, k)?);
    if rows.numel() > 0 {
        let numbers = Vec::<i64>::try_from(&rows)?;
        let drawn_for = numbers.iter().filter_map(|&row| cases.get(row as usize));
        let noise = noise(drawn_for, n_items as usize);
        let scores = scores.f_index_select(0, &rows)?;
        let noise = Tensor::f_from_slice(&noise)?.f_to_device(scores.device())?;
        let last = best.f_index_select(0, &rows)?.f_narrow(1, k - 1, 1)?;
        let (drawn, owners) = draw(&scores, &last, noise.f_view_as(&scores)?, k)?;
        let _ = best.f_index_copy_(0, &rows, &drawn)?;
        let _ = items.f_index_copy_(0, &rows, &owners)?;
    }
    Ok((best, items))
}

/// For each case a row of numbers from 0 to 1, always the same for a case.
fn noise<'a>(cases: impl Iterator<Item = &'a Case>, n_items: usize) -> Vec<f32> {
    let (mut all, mut bits) = (Vec::new(), vec![0u32; n_items]);
    for case in cases {
        let seed = u64::from(case.user) << 32 | u64::from(case.end);
        ChaCha8Rng::seed_from_u64(seed).fill(bits.as_mut_slice());
        all.extend(bits.iter().map(|b| (b >> 8) as f32 / (1u32 << 24) as f32));
    }
    all
}

/// The best k of each row, of which the last scores `last` `[B,1]`; those that tie in the order of `noise` `[B,V]`, which
/// is overwritten.
fn draw(scores: &Tensor, last: &Tensor, mut noise: Tensor, k: i64) -> Result<(Tensor, Tensor)> {
    let _ = noise.f_add_(&scores.f_gt_tensor(last)?)?;
    let _ = noise.f_masked_fill_(&scores.f_lt_tensor(last)?, -1.0)?;
    let (_, chosen) = noise.f_topk(k, 1, true, true)?;
    let (best, order) = scores
        .f_gather(1, &chosen, false)?
        .f_sort_stable(true, 1, true)?;
    Ok((best, chosen.f_gather(1, &order, false)?))
}
