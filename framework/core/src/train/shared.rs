//! Losses that hold the target against negatives that all positions of a batch share: their scores are one product.

use tch::{Kind, Tensor};

use super::sampled::check_catalogue;
use crate::error::Result;

/// Logits held at once, at most (or one position's).
const MAX_LOGITS: i64 = 1 << 22;

/// A loss over the target and n negatives, drawn uniformly from the whole catalogue; a negative that is a position's own
/// target does not count for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shared {
    /// Cross-entropy under softmax over the target and the negatives: sampled softmax (Bengio and Senécal 2008). Each
    /// negative stands for V/n items, so that the sum under the fraction is an unbiased estimate of the whole
    /// catalogue's.
    CrossEntropy,
    /// `−log Σ sⱼ σ(r − rⱼ) + λ Σ sⱼ rⱼ²` with the scores r of the target and rⱼ of the negatives, and sⱼ the softmax of
    /// these: BPR-max (Hidasi and Karatzoglou 2018, <https://arxiv.org/abs/1706.03847>). Unlike in the paper no negative
    /// is another position's target on purpose, and scores go through no activation.
    BprMax {
        /// λ, 0 or above.
        regularisation: f64,
    },
}

/// Mean of a loss over positions, and its gradients. Negatives come from libtorch's generator.
///
/// # Shapes
/// As [`super::cross_entropy()`].
///
/// # Errors
/// [`crate::Error::Setting`] when the catalogue has no second item.
pub fn shared(
    loss: Shared,
    query: &Tensor,
    table: &Tensor,
    targets: &Tensor,
    negatives: i64,
    table_gradient: Option<&Tensor>,
) -> Result<(Tensor, Tensor)> {
    let (n, n_items) = (query.size2()?.0, table.size2()?.0);
    check_catalogue(n_items)?;
    let drawn = Tensor::f_randint(n_items, [negatives], (Kind::Int64, query.device()))?;
    let sample = Sample {
        vectors: table.f_index_select(0, &drawn)?,
        by_vectors: Tensor::f_zeros([negatives, table.size2()?.1], (Kind::Float, query.device()))?,
        loss,
        stands_for: (n_items as f64 / negatives as f64).ln(),
        share: 1.0 / n.max(1) as f64,
        drawn,
    };
    let height = (MAX_LOGITS / (negatives + 1)).clamp(1, n.max(1));
    let query_gradient = query.f_empty_like()?;
    let mut total = Tensor::f_zeros([], (Kind::Float, query.device()))?;
    for first in (0..n).step_by(height as usize) {
        let rows = height.min(n - first);
        let of = |whole: &Tensor| whole.f_narrow(0, first, rows);
        let (query, targets) = (of(query)?, of(targets)?);
        let own = table.f_index_select(0, &targets)?;
        let (loss, by_query, by_own) = sample.block(&query, &own, &targets)?;
        of(&query_gradient)?.f_copy_(&by_query)?;
        if let Some(gradient) = table_gradient {
            let _ = gradient
                .shallow_clone()
                .f_index_add_(0, &targets, &by_own)?;
        }
        let _ = total.f_add_(&loss)?;
    }
    if let Some(gradient) = table_gradient {
        let _ = gradient
            .shallow_clone()
            .f_index_add_(0, &sample.drawn, &sample.by_vectors)?;
    }
    Ok((total.f_mul_scalar_(sample.share)?, query_gradient))
}

/// The negatives of a batch.
struct Sample {
    /// Which items, i64 `[n]`.
    drawn: Tensor,
    /// Their vectors, `[n,d]`.
    vectors: Tensor,
    /// The loss's gradient by them, added up over blocks, `[n,d]`.
    by_vectors: Tensor,
    loss: Shared,
    /// Logarithm of the number of items that each negative stands for.
    stands_for: f64,
    /// One position's part of the mean.
    share: f64,
}

impl Sample {
    /// The sum of the losses of a block of positions, and the mean's gradients by their queries and by their targets'
    /// vectors `own`, all `[rows,d]`.
    fn block(
        &self,
        query: &Tensor,
        own: &Tensor,
        targets: &Tensor,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let target = query
            .f_mul(own)?
            .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        let others = query.f_mm(&self.vectors.f_transpose(0, 1)?)?;
        let same = targets.f_unsqueeze(1)?.f_eq_tensor(&self.drawn)?;
        let Slopes {
            loss,
            mut by_target,
            mut by_others,
        } = match self.loss {
            Shared::CrossEntropy => cross_entropy(&target, others, &same, self.stands_for)?,
            Shared::BprMax { regularisation } => bpr_max(&target, &others, &same, regularisation)?,
        };
        let by_target = by_target.f_mul_scalar_(self.share)?;
        let by_others = by_others.f_mul_scalar_(self.share)?;
        let _ = self
            .by_vectors
            .shallow_clone()
            .f_addmm_(&by_others.f_transpose(0, 1)?, query)?;
        let by_query = by_others
            .f_mm(&self.vectors)?
            .f_add(&by_target.f_mul(own)?)?;
        Ok((loss, by_query, by_target.f_mul(query)?))
    }
}

/// A loss, summed over positions, f32 `[]`, and its slopes by the scores of the targets `[rows,1]` and of the negatives
/// `[rows,n]`.
struct Slopes {
    loss: Tensor,
    by_target: Tensor,
    by_others: Tensor,
}

/// `same`, bool `[rows,n]`, is true where a negative is the position's own target.
fn cross_entropy(
    target: &Tensor,
    mut others: Tensor,
    same: &Tensor,
    stands_for: f64,
) -> Result<Slopes> {
    let _ = others.f_add_scalar_(stands_for)?;
    let _ = others.f_masked_fill_(same, f64::NEG_INFINITY)?;
    let log_p = Tensor::f_cat(&[target, &others], 1)?.f_log_softmax(1, None::<Kind>)?;
    let p = log_p.f_exp()?;
    Ok(Slopes {
        loss: log_p.f_select(1, 0)?.f_sum(Kind::Float)?.f_neg()?,
        by_target: p.f_narrow(1, 0, 1)?.f_sub_scalar(1.0)?,
        by_others: p.f_narrow(1, 1, others.size2()?.1)?,
    })
}

/// With `w = s σ(r − rⱼ) / Σ s σ(r − rⱼ)` the slope by the target's score is `−Σ w σ(rⱼ − r)`, by a negative's `s − w σ(r −
/// rⱼ)`; regularisation adds `λ s (2 rⱼ + rⱼ² − Σ s rⱼ²)`. A position whose negatives all are its target has no loss.
fn bpr_max(target: &Tensor, others: &Tensor, same: &Tensor, regularisation: f64) -> Result<Slopes> {
    let along = [1i64].as_slice();
    let some_count = same.f_all_dim(1, true)?.f_logical_not()?;
    let hidden = others.f_masked_fill(&same.f_logical_and(&some_count)?, f64::NEG_INFINITY)?;
    let log_s = hidden.f_log_softmax(1, None::<Kind>)?;
    let difference = target.f_sub(others)?;
    let log_parts = log_s.f_add(&difference.f_log_sigmoid()?)?;
    let log_sum = log_parts.f_logsumexp(along, true)?;
    let (s, w) = (log_s.f_exp()?, log_parts.f_sub(&log_sum)?.f_exp()?);
    let won = w.f_mul(&difference.f_sigmoid()?)?;
    let squares = others.f_square()?;
    let spread = s
        .f_mul(&squares)?
        .f_sum_dim_intlist(along, true, Kind::Float)?;
    let shrink = others.f_mul_scalar(2.0)?.f_add(&squares)?.f_sub(&spread)?;
    let by_regularisation = s.f_mul(&shrink)?.f_mul_scalar(regularisation)?;
    let loss = spread.f_mul_scalar(regularisation)?.f_sub(&log_sum)?;
    let by_target = won
        .f_sum_dim_intlist(along, true, Kind::Float)?
        .f_sub_scalar(1.0)?;
    Ok(Slopes {
        loss: loss.f_mul(&some_count)?.f_sum(Kind::Float)?,
        by_target: by_target.f_mul(&some_count)?,
        by_others: s
            .f_sub(&won)?
            .f_add(&by_regularisation)?
            .f_mul(&some_count)?,
    })
}
