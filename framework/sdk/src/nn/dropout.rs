//! Dropout.

use crate::prelude::*;

/// Draws of 16 bits: the number of values that one takes.
const DRAWS: f64 = 65_536.0;

/// Sets values to 0 with probability `p` and scales the others up, in training.
///
/// On a CPU libtorch draws a number a value. Here a 64-bit number from the same generator decides four values, which
/// takes a third of the time; `p` is rounded to a multiple of 2⁻¹⁶ for it, and the scale fits the rounded value.
///
/// # Errors
/// When memory is short.
pub fn dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    if !train || p == 0.0 || x.device() != Device::Cpu {
        return Ok(x.f_dropout(p, train)?);
    }
    let dropped = (p * DRAWS).round().min(DRAWS - 1.0);
    let scale = DRAWS / (DRAWS - dropped);
    let shape = x.size();
    let values: i64 = shape.iter().product();
    let mut numbers = Tensor::f_empty([(values + 3) / 4], (DType::Int64, Device::Cpu))?;
    let draws = numbers
        .f_random_from_(i64::MIN, None)?
        .f_view_dtype(DType::Int16)?
        .f_narrow(0, 0, values)?;
    let kept = draws.f_ge(i64::from(i16::MIN) + dropped as i64)?;
    let factors = kept.f_to_kind(DType::Float)?.f_mul_scalar(scale)?;
    Ok(x.f_mul(&factors.f_view(&shape[..])?)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, clippy::unwrap_used)]
    use super::*;

    fn ones(values: i64) -> Tensor {
        Tensor::ones([values], (DType::Float, Device::Cpu))
    }

    #[test]
    fn drops_the_share_asked_for_and_keeps_the_mean() {
        for p in [0.1, 0.5, 0.9] {
            let given = dropout(&ones(400_000), p, true).unwrap();
            let dropped = given.eq(0.0).to_kind(DType::Double).mean(DType::Double);
            assert!((dropped.double_value(&[]) - p).abs() < 0.01);
            let mean = given.mean(DType::Double).double_value(&[]);
            assert!((mean - 1.0).abs() < 0.02, "{mean}");
        }
    }

    #[test]
    fn any_shape_and_any_probability() {
        for values in 0..9 {
            let given = dropout(&ones(values), 0.5, true).unwrap();
            assert_eq!(given.size(), [values]);
        }
        let nearly_all = dropout(&ones(1000), 1.0 - 1e-9, true).unwrap();
        assert!(nearly_all.isfinite().all().int64_value(&[]) == 1);
        assert_eq!(dropout(&ones(7), 0.5, false).unwrap(), ones(7));
        assert_eq!(dropout(&ones(7), 1e-9, true).unwrap(), ones(7));
    }

    #[test]
    fn neighbours_are_dropped_independently() {
        let given = dropout(&ones(400_000), 0.5, true).unwrap();
        let dropped = given.eq(0.0).to_kind(DType::Double).view([-1, 8]);
        let joint = dropped.tr().matmul(&dropped) / 50_000.0;
        let expected = (Tensor::eye(8, (DType::Double, Device::Cpu)) + 1.0) / 4.0;
        let difference = (joint - expected).abs().max().double_value(&[]);
        assert!(difference < 0.02, "{difference}");
    }

    #[test]
    fn gradients_pass_where_values_do() {
        let x = ones(100).set_requires_grad(true);
        let given = dropout(&x, 0.3, true).unwrap();
        given.sum(DType::Float).backward();
        assert_eq!(x.grad(), given.detach());
    }
}
