//! Comparing tensors.

use lapidary_sdk::Error;
use tch::{Device, Kind as DType, Tensor};

use crate::suite::{Checked, Fault, holds};

/// f32 on the CPU.
pub(super) const FLOATS: (DType, Device) = (DType::Float, Device::Cpu);

/// Whether two tensors are equal, NaN at the same places included.
pub(super) fn same(a: &Tensor, b: &Tensor) -> Checked<bool> {
    let alike = a.size() == b.size() && a.f_kind()? == b.f_kind()?;
    Ok(alike && a.f_allclose(b, 0.0, 0.0, true)?)
}

/// Holds that two tensors are equal.
pub(super) fn equal(a: &Tensor, b: &Tensor, what: &str) -> Checked {
    holds(same(a, b)?, || match difference(a, b) {
        Some(most) => format!("{what}, but they differ by up to {most:.3e}"),
        None => format!("{what}, but they differ: {:?} and {:?}", a.size(), b.size()),
    })
}

/// Holds that two tensors are equal up to rounding, which may depend on how a tensor lies in memory.
pub(super) fn near(a: &Tensor, b: &Tensor, what: &str) -> Checked {
    within(a, b, [1e-4, 1e-5], what)
}

/// Holds that two tensors are equal up to a relative and an absolute difference; NaN at the same places is equal.
pub(super) fn within(
    a: &Tensor,
    b: &Tensor,
    [relative, absolute]: [f64; 2],
    what: &str,
) -> Checked {
    let alike = a.size() == b.size();
    holds(
        alike && a.f_allclose(b, relative, absolute, true)?,
        || match difference(a, b) {
            Some(most) => format!("{what}, but they differ by up to {most:.3e}"),
            None => format!("{what}, but they differ: {:?} and {:?}", a.size(), b.size()),
        },
    )
}

/// The largest absolute difference, where one can be told.
fn difference(a: &Tensor, b: &Tensor) -> Option<f64> {
    let most = || a.f_sub(b)?.f_abs()?.f_max()?.f_double_value(&[]);
    (a.size() == b.size()).then(most)?.ok()
}

/// Holds that all values are finite.
pub(super) fn finite(tensor: &Tensor, what: &str) -> Checked {
    let bad = tensor
        .f_isfinite()?
        .f_logical_not()?
        .f_sum(DType::Int64)?
        .f_int64_value(&[])?;
    holds(bad == 0, || {
        format!(
            "{bad} of {} values of {what} are not finite",
            tensor.numel()
        )
    })
}

/// Holds that a tensor has a shape.
pub(super) fn shaped(tensor: &Tensor, shape: &[i64], what: &str) -> Checked {
    let found = tensor.size();
    holds(found == shape, || {
        format!("{what}: expected {shape:?}, found {found:?}")
    })
}

/// Values between −1 and 1 that depend on nothing but their place.
pub(super) fn wave(shape: &[i64], step: f64) -> Checked<Tensor> {
    let count: i64 = shape.iter().product();
    let places = Tensor::f_arange(count, FLOATS)?;
    Ok(places.f_mul_scalar(step)?.f_sin()?.f_reshape(shape)?)
}

/// Holds that a call refuses what it cannot use with a reason, and without a panic.
pub(super) fn refused<T>(what: &str, outcome: lapidary_sdk::Result<T>) -> Checked {
    let Err(error) = outcome else {
        return Err(Fault::new(format!("{what} must be refused, but was taken")));
    };
    let message = error.to_string();
    holds(!message.contains("panicked"), || {
        format!("{what} must be refused with an error, but: {message}")
    })?;
    let said = match &error {
        Error::Call { message, .. } => message,
        _ => &message,
    };
    holds(!said.is_empty() && said != "it gave no reason", || {
        format!("{what} is refused without a reason")
    })
}
