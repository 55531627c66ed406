//! Truncated singular value decomposition of a large sparse symmetric matrix.

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;
use lapidary_sdk::random;

/// Columns of the subspace beyond those asked for.
const OVERSAMPLING: i64 = 16;

/// The `dim` largest singular values, falling, and their left singular vectors, by randomised subspace iteration: N.
/// Halko, P.-G. Martinsson, J. A. Tropp, *Finding Structure with Randomness*, 2011,
/// <https://arxiv.org/abs/0909.4061>, algorithms 4.4 and 5.1, with M for Mᵀ since the matrix is symmetric. The matrix
/// is only ever multiplied with `dim + 16` columns. Exact where the subspace is the whole space.
///
/// # Shapes
/// `matrix` f64 `[V,V]`; results f64 `[V,dim]` and `[dim]`.
pub(crate) fn truncated(
    matrix: &Tensor,
    dim: i64,
    iterations: u32,
    seed: u64,
) -> Result<(Tensor, Tensor)> {
    let (n_items, _) = matrix.size2()?;
    let width = (dim + OVERSAMPLING).min(n_items);
    let mut basis = random::normal(&mut random::generator(seed), n_items, width)?
        .f_to_device(matrix.device())?;
    // A sparse product walks the rows of the other matrix, and QR gives it by columns.
    let multiply = |basis: &Tensor| matrix.f_matmul(&basis.f_contiguous()?);
    let products = 1 + 2 * u64::from(iterations);
    for product in 0..products {
        host::progress("decompose", product, products + 1)?;
        (basis, _) = Tensor::f_linalg_qr(&multiply(&basis)?, "reduced")?;
    }
    let (vectors, values, _) = multiply(&basis)?.f_svd(true, true)?;
    let vectors = oriented(&vectors.f_narrow(1, 0, dim)?)?;
    Ok((vectors, values.f_narrow(0, 0, dim)?))
}

/// Turns each column so that its entry of largest magnitude is positive.
fn oriented(vectors: &Tensor) -> Result<Tensor> {
    let largest = vectors.f_abs()?.f_argmax(0, true)?;
    let signs = vectors.f_gather(0, &largest, false)?.f_sign()?;
    Ok(vectors.f_mul(&signs)?)
}
