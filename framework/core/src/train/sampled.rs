//! Losses that hold the target against sampled negatives.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// Values gathered at once, at most (or one position's).
const MAX_GATHERED: i64 = 1 << 22;

/// A loss over the target and n negatives, drawn uniformly from all items but the target (an item of the user's own
/// history may be drawn).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampled {
    /// `−log σ(s⁺) − mean log(1 − σ(s⁻))`, as SASRec (Kang and McAuley 2018) has it with one negative.
    Bce,
    /// `−mean log σ(s⁺ − s⁻)` (Rendle et al. 2009).
    Bpr,
}

/// Mean of a sampled loss over positions, and its gradients. Negatives come from libtorch's generator.
///
/// # Shapes
/// As [`super::cross_entropy()`].
///
/// # Errors
/// [`Error::Setting`] when the catalogue has no second item.
pub fn sampled(
    loss: Sampled,
    query: &Tensor,
    table: &Tensor,
    targets: &Tensor,
    negatives: i64,
    table_gradient: Option<&Tensor>,
) -> Result<(Tensor, Tensor)> {
    let ((n, dim), n_items) = (query.size2()?, table.size2()?.0);
    check_catalogue(n_items)?;
    let height = (MAX_GATHERED / (negatives * dim).max(1)).clamp(1, n.max(1));
    let share = 1.0 / n.max(1) as f64;
    let query_gradient = query.f_empty_like()?;
    let mut total = Tensor::f_zeros([], (Kind::Float, query.device()))?;
    for first in (0..n).step_by(height as usize) {
        let rows = height.min(n - first);
        let query = query.f_narrow(0, first, rows)?;
        let targets = targets.f_narrow(0, first, rows)?.f_unsqueeze(1)?;
        let items = Tensor::f_cat(&[&targets, &draw(&targets, negatives, n_items)?], 1)?;
        let flat = items.f_view([-1i64])?;
        let vectors = table
            .f_index_select(0, &flat)?
            .f_view([rows, negatives + 1, dim])?;
        let scores = vectors.f_bmm(&query.f_unsqueeze(2)?)?.f_squeeze_dim(2)?;
        let (part, by_score) = match loss {
            Sampled::Bce => bce(&scores)?,
            Sampled::Bpr => bpr(&scores)?,
        };
        let by_score = by_score.f_mul_scalar(share)?;
        let by_query = by_score.f_unsqueeze(1)?.f_bmm(&vectors)?.f_squeeze_dim(1)?;
        query_gradient
            .f_narrow(0, first, rows)?
            .f_copy_(&by_query)?;
        if let Some(gradient) = table_gradient {
            let by_item = by_score.f_unsqueeze(2)?.f_mul(&query.f_unsqueeze(1)?)?;
            let _ = gradient
                .shallow_clone()
                .f_index_add_(0, &flat, &by_item.f_view([-1, dim])?)?;
        }
        let _ = total.f_add_(&part)?;
    }
    Ok((total.f_mul_scalar_(share)?, query_gradient))
}

/// Refuses a catalogue without negatives.
pub(super) fn check_catalogue(n_items: i64) -> Result<()> {
    match n_items {
        ..2 => Err(Error::setting(
            "loss",
            "sampled negatives need a catalogue of at least two items; use `cross_entropy`",
        )),
        _ => Ok(()),
    }
}

/// Draws from all items but the target: i64 `[rows,n]` for targets `[rows,1]`.
fn draw(targets: &Tensor, negatives: i64, n_items: i64) -> Result<Tensor> {
    let size = [targets.size2()?.0, negatives];
    let drawn = Tensor::f_randint(n_items - 1, size, (Kind::Int64, targets.device()))?;
    let past_target = drawn.f_ge_tensor(targets)?.f_to_kind(Kind::Int64)?;
    Ok(drawn.f_add(&past_target)?)
}

/// Sum of the losses of scores `[R,1+n]`, target first, and the gradient by the scores.
fn bce(scores: &Tensor) -> Result<(Tensor, Tensor)> {
    let n = scores.size2()?.1 - 1;
    let (positive, negative) = (scores.f_narrow(1, 0, 1)?, scores.f_narrow(1, 1, n)?);
    let each = 1.0 / n as f64;
    let loss = positive
        .f_log_sigmoid()?
        .f_sum(Kind::Float)?
        .f_add(
            &negative
                .f_neg()?
                .f_log_sigmoid()?
                .f_sum(Kind::Float)?
                .f_mul_scalar(each)?,
        )?
        .f_neg()?;
    let by_positive = positive.f_sigmoid()?.f_sub_scalar(1.0)?;
    let by_negative = negative.f_sigmoid()?.f_mul_scalar(each)?;
    Ok((loss, Tensor::f_cat(&[by_positive, by_negative], 1)?))
}

fn bpr(scores: &Tensor) -> Result<(Tensor, Tensor)> {
    let n = scores.size2()?.1 - 1;
    let each = 1.0 / n as f64;
    let margin = scores
        .f_narrow(1, 0, 1)?
        .f_sub(&scores.f_narrow(1, 1, n)?)?;
    let loss = margin
        .f_log_sigmoid()?
        .f_sum(Kind::Float)?
        .f_mul_scalar(-each)?;
    let by_negative = margin.f_neg()?.f_sigmoid()?.f_mul_scalar(each)?;
    let by_positive = by_negative
        .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?
        .f_neg()?;
    Ok((loss, Tensor::f_cat(&[by_positive, by_negative], 1)?))
}
