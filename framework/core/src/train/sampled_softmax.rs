//! Cross-entropy over the target and a sample of the catalogue.

use tch::{Kind, Tensor};

use super::sampled::check_catalogue;
use crate::error::Result;

/// Logits held at once, at most (or one position's).
const MAX_LOGITS: i64 = 1 << 22;

/// Mean cross-entropy of the targets under softmax over the target and n negatives, which all positions share: sampled
/// softmax (Bengio and Senécal 2008). Negatives are drawn uniformly, so each stands for V/n items, and the sum under
/// the fraction is an unbiased estimate of the whole catalogue's; a negative that is a position's own target does not
/// count for it. Negatives come from libtorch's generator.
///
/// # Shapes
/// As [`super::cross_entropy()`].
///
/// # Errors
/// [`crate::Error::Setting`] when the catalogue has no second item.
pub fn sampled_softmax(
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
        let mut logits = query.f_mm(&self.vectors.f_transpose(0, 1)?)?;
        let _ = logits.f_add_scalar_(self.stands_for)?;
        let same = targets.f_unsqueeze(1)?.f_eq_tensor(&self.drawn)?;
        let _ = logits.f_masked_fill_(&same, f64::NEG_INFINITY)?;
        let log_p = Tensor::f_cat(&[&target, &logits], 1)?.f_log_softmax(1, None::<Kind>)?;
        let loss = log_p.f_select(1, 0)?.f_sum(Kind::Float)?.f_neg()?;
        let p = log_p.f_exp()?.f_mul_scalar_(self.share)?;
        let by_target = p.f_narrow(1, 0, 1)?.f_sub_scalar(self.share)?;
        let by_logits = p.f_narrow(1, 1, self.drawn.size()[0])?;
        let _ = self
            .by_vectors
            .shallow_clone()
            .f_addmm_(&by_logits.f_transpose(0, 1)?, query)?;
        let by_query = by_logits
            .f_mm(&self.vectors)?
            .f_add(&by_target.f_mul(own)?)?;
        Ok((loss, by_query, by_target.f_mul(query)?))
    }
}
