//! Ties in lists of the best items, broken by chance: no order of the catalogue can profit.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Kind, Tensor};

use crate::data::Case;
use crate::error::Result;

/// Items of a group, of which only the best one is compared with the other groups'.
const GROUP: i64 = 16;
/// With fewer groups than this for each wanted item, sorting all items out is as fast.
const WORTH: i64 = 64;

/// The best k of each row of `scores`, best first: scores f32 `[B,k]` and items i64 `[B,k]`. Which of the items that score
/// the same come in, and in what order, is drawn with the case as seed, so it does not depend on the block.
///
/// # Shapes
/// `scores` f32 `[B,V]` for the B `cases`; k from 1 to V.
pub(super) fn top(scores: &Tensor, k: usize, cases: &[Case]) -> Result<(Tensor, Tensor)> {
    let (k, n_items) = (k as i64, scores.size()[1]);
    // One more than is wanted shows whether the last one ties with what is left out.
    let wide = (k + 1).min(n_items);
    let (best, items) = best(scores, wide)?;
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

/// The best k of each row, best first: scores f32 `[B,k]` and items i64 `[B,k]`. Of k groups of items whose best are best, no
/// other item stands before the k best: these few are sorted out, and the rest is only read once.
fn best(scores: &Tensor, k: i64) -> Result<(Tensor, Tensor)> {
    let (rows, n_items) = scores.size2()?;
    let groups = n_items / GROUP;
    if groups < WORTH * k {
        return Ok(scores.f_topk(k, 1, true, true)?);
    }
    let grouped = groups * GROUP;
    let (_, chosen) = scores
        .f_narrow(1, 0, grouped)?
        .f_view([rows, GROUP, groups])?
        .f_amax([1i64], false)?
        .f_topk(k, 1, true, false)?;
    let whole = (Kind::Int64, scores.device());
    // The members of a group stand as far apart as there are groups.
    let members = Tensor::f_arange_start_step(0, grouped, groups, whole)?;
    let members = chosen.f_unsqueeze(2)?.f_add(&members)?;
    let left_over = Tensor::f_arange_start(grouped, n_items, whole)?;
    let left_over = left_over.f_expand([rows, n_items - grouped], false)?;
    let candidates = Tensor::f_cat(&[members.f_view([rows, k * GROUP])?, left_over], 1)?;
    let (best, places) = scores
        .f_gather(1, &candidates, false)?
        .f_topk(k, 1, true, true)?;
    Ok((best, candidates.f_gather(1, &places, false)?))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn the_best_of_the_best_groups_are_the_best() {
        tch::manual_seed(1);
        for (n_items, k) in [(16_000, 11), (16_003, 11), (3_100, 3), (100, 11)] {
            let scores = Tensor::randn([7, n_items], (Kind::Float, Device::Cpu));
            // The best ones stand in a row, in one group, and among those left over.
            let _ = scores.get(0).narrow(0, 40, k).fill_(9.0);
            let _ = scores
                .get(1)
                .slice(0, 3, n_items, n_items / GROUP)
                .fill_(9.0);
            let _ = scores.get(2).narrow(0, n_items - k, k).fill_(9.0);
            let noise = Tensor::rand([7, n_items], (Kind::Float, Device::Cpu));
            let scores = scores + noise;
            let (expected, places) = scores.topk(k, 1, true, true);
            let (found, items) = best(&scores, k).unwrap();
            assert!(found.equal(&expected) && items.equal(&places), "{n_items}");
        }
    }

    #[test]
    fn what_may_not_be_recommended_comes_last() {
        let scores = Tensor::full([2, 3_200], f64::NEG_INFINITY, (Kind::Float, Device::Cpu));
        let _ = scores.get(1).get(3_199).fill_(1.0);
        let (found, items) = best(&scores, 3).unwrap();
        assert_eq!(items.int64_value(&[1, 0]), 3_199);
        assert_eq!(found.isfinite().sum(Kind::Int64).int64_value(&[]), 1);
    }
}
