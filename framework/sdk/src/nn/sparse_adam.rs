//! Adam over the rows of a table that a batch touches.

use crate::prelude::*;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// A table of vectors, trained a batch of rows at a time with Adam (Kingma and Ba 2015,
/// <https://arxiv.org/abs/1412.6980>) as PyTorch's `SparseAdam` computes it: the moments of a row change only when the
/// row has a gradient, so a step costs what the batch costs, however large the table is. Deterministic on every device.
pub struct SparseAdam {
    table: Tensor,
    first: Tensor,
    second: Tensor,
    learning_rate: f64,
    steps: i32,
}

impl SparseAdam {
    /// # Shapes
    /// `table` f32 `[N,d]`, trained in place.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(table: Tensor, learning_rate: f64) -> Result<Self> {
        Ok(Self {
            first: table.f_zeros_like()?,
            second: table.f_zeros_like()?,
            table,
            learning_rate,
            steps: 0,
        })
    }

    /// The table, f32 `[N,d]`.
    pub fn table(&self) -> &Tensor {
        &self.table
    }

    /// The vectors of some rows.
    ///
    /// # Shapes
    /// `rows` i64 `[n]`, the result f32 `[n,d]`.
    ///
    /// # Errors
    /// When a row is not in the table.
    pub fn select(&self, rows: &Tensor) -> Result<Tensor> {
        Ok(self.table.f_index_select(0, rows)?)
    }

    /// Steps against the gradients of some rows; those of a row that occurs more than once are added up.
    ///
    /// # Shapes
    /// `rows` i64 `[n]`, `gradients` f32 `[n,d]`.
    ///
    /// # Errors
    /// When a row is not in the table or a shape does not fit.
    pub fn step(&mut self, rows: &Tensor, gradients: &Tensor) -> Result<()> {
        let (rows, gradient) = sum_by_row(rows, gradients)?;
        let mean = |moments: &Tensor, of: &Tensor, beta: f64| {
            moments.f_index_select(0, &rows)?.f_lerp(of, 1.0 - beta)
        };
        let first = mean(&self.first, &gradient, BETA1)?;
        let second = mean(&self.second, &gradient.f_square()?, BETA2)?;
        let _ = self.first.f_index_copy_(0, &rows, &first)?;
        let _ = self.second.f_index_copy_(0, &rows, &second)?;
        self.steps += 1;
        let corrections = [BETA1, BETA2].map(|beta| 1.0 - beta.powi(self.steps));
        let rate = self.learning_rate * corrections[1].sqrt() / corrections[0];
        let change = first
            .f_div(&second.f_sqrt()?.f_add_scalar(EPSILON)?)?
            .f_mul_scalar(-rate)?;
        let _ = self.table.f_index_add_(0, &rows, &change)?;
        Ok(())
    }
}

/// The rows that occur, rising, each once, and the sum of each one's gradients: always in the same order, also on a GPU.
///
/// # Shapes
/// `rows` i64 `[n]`, `gradients` f32 `[n,d]`; the result i64 `[m]` and f32 `[m,d]`.
///
/// # Errors
/// When a shape does not fit.
pub fn sum_by_row(rows: &Tensor, gradients: &Tensor) -> Result<(Tensor, Tensor)> {
    const SUM: i64 = 0;
    let (sorted, order) = rows.f_sort_stable(true, 0, false)?;
    let (rows, _, counts) = sorted.f_unique_consecutive(false, true, None)?;
    let starts = counts.f_cumsum(0, DType::Int64)?.f_sub(&counts)?;
    let no_weights = None::<&Tensor>;
    let (sums, ..) = Tensor::f_embedding_bag(
        gradients, &order, &starts, false, SUM, false, no_weights, false,
    )?;
    Ok((rows, sums))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// Three steps of PyTorch 2.11's `SparseAdam(lr=0.1)` on a table of zeros, the second over a row that occurs twice:
    /// `t.grad = torch.sparse_coo_tensor([rows], gradients, (3, 2)); optimiser.step()`.
    #[test]
    fn agrees_with_pytorch() {
        let table = Tensor::zeros([3, 2], (DType::Float, Device::Cpu));
        let mut adam = SparseAdam::new(table, 0.1).unwrap();
        for (rows, gradients) in [
            (&[0_i64, 2][..], &[1.0_f32, -2.0, 0.5, 0.25][..]),
            (&[2, 2, 1], &[0.5, 1.0, 0.25, -3.0, 4.0, 0.0]),
            (&[0, 2], &[-3.0, 1.0, 0.5, 0.5]),
        ] {
            let gradients = Tensor::from_slice(gradients).view([-1, 2]);
            adam.step(&Tensor::from_slice(rows), &gradients).unwrap();
        }
        let expected = Tensor::from_slice(&[
            -0.057_575_62_f32,
            0.122_864_01,
            -0.074_413_67,
            0.0,
            -0.297_048_5,
            -0.000_690_15,
        ])
        .view([3, 2]);
        assert!(adam.table().allclose(&expected, 1e-6, 1e-7, false));
    }
}
