//! The recommendation loss.

use tch::{Kind, Tensor};

use crate::error::Result;

/// Cross-entropy of the first candidate of each row against the others: scores are products of users and items, divided
/// by √m, as those of attention are, and by a temperature. Mean over users, f32 `[]`; gradients flow to the users.
///
/// # Shapes
/// `users` f32 `[B,m]`; `candidates` i64 `[B,1+n]`; `items` f32 `[V,m]`.
///
/// # Errors
/// When a shape does not fit.
pub(super) fn recommendation(
    users: &Tensor,
    candidates: &Tensor,
    items: &Tensor,
    temperature: f64,
) -> Result<Tensor> {
    let (rows, width) = candidates.size2()?;
    let own = items.f_index_select(0, &candidates.f_reshape([-1])?)?;
    let own = own.f_view([rows, width, -1])?;
    let scores = own.f_matmul(&users.f_unsqueeze(-1)?)?.f_squeeze_dim(-1)?;
    let m = users.size2()?.1.max(1) as f64;
    let scores = scores.f_div_scalar(temperature * m.sqrt())?;
    let first = scores.f_log_softmax(1, Kind::Float)?.f_select(1, 0)?;
    Ok(first.f_mean(Kind::Float)?.f_neg()?)
}
