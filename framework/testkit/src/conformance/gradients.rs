//! Gradients against finite differences.

use tch::{Kind as DType, Tensor};

use super::tensors::wave;
use crate::suite::{Checked, Fault, Rule, Section, holds};

/// Gradients of a backbone and of what is fine-tuned.
pub(super) const fn rule(section: Section) -> Rule {
    Rule::new(
        "gradients",
        section,
        "let gradients flow through every operation from the output back: no `detach`, no copy into new memory, no `no_grad`; \
         an operation with a derivative of its own must have the right one",
    )
}

/// Steps of the differences. A large one leaves the place where a function is smooth, a small one drowns in rounding: one
/// that agrees is enough, since a wrong gradient agrees at none.
const STEPS: [f64; 5] = [3e-2, 1e-2, 3e-3, 1e-3, 3e-4];
/// Share of the gradient's length by which a difference may be off.
const TOLERANCE: f64 = 0.02;
/// Share of a loss that rounding may change.
const ROUNDING: f64 = 1e-6;

/// Holds that the gradients of a loss with respect to each leaf are its slopes along two fixed directions. The loss is a
/// scalar that comes out alike each time; it is [`weighed`].
pub(super) fn agree(
    leaves: &[(String, Tensor)],
    loss: impl Fn() -> Checked<(Tensor, f64)>,
) -> Checked {
    for (_, leaf) in leaves {
        leaf.shallow_clone().zero_grad();
    }
    let (value, size) = loss()?;
    value.f_backward()?;
    for (name, leaf) in leaves {
        let gradient = leaf.grad();
        holds(gradient.defined(), || {
            format!("no gradient reaches `{name}`")
        })?;
        let gradient = gradient.f_detach()?.f_to_kind(DType::Double)?;
        for turn in [0.73, 1.91] {
            let direction = wave(&leaf.size(), turn)?.f_to_device(leaf.device())?;
            along(name, leaf, &gradient, &direction, size, &loss)?;
        }
    }
    Ok(())
}

/// Compares along one direction.
fn along(
    name: &str,
    leaf: &Tensor,
    gradient: &Tensor,
    direction: &Tensor,
    size: f64,
    loss: &impl Fn() -> Checked<(Tensor, f64)>,
) -> Checked {
    let expected = number(&gradient.f_mul(direction)?.f_sum(DType::Double)?)?;
    let length = number(&gradient.f_square()?.f_sum(DType::Double)?)?.sqrt();
    let first = leaf.f_detach_copy()?;
    let moved = |by: f64| -> Checked<f64> {
        tch::no_grad(|| {
            let there = first.f_add(&direction.f_mul_scalar(by)?)?;
            leaf.shallow_clone().f_copy_(&there)?;
            number(&loss()?.0)
        })
    };
    let mut slopes = Vec::new();
    let mut agrees = false;
    for step in STEPS {
        let slope = moved(step).and_then(|up| Ok((up - moved(-step)?) / (2.0 * step)));
        tch::no_grad(|| leaf.shallow_clone().f_copy_(&first))?;
        let slope = slope?;
        let room = TOLERANCE * length.max(expected.abs()) + ROUNDING * size / step;
        slopes.push(slope);
        agrees = (slope - expected).abs() <= room;
        if agrees {
            break;
        }
    }
    let nearest = slopes
        .into_iter()
        .min_by(|a, b| (a - expected).abs().total_cmp(&(b - expected).abs()));
    holds(agrees, || {
        let slope = nearest.unwrap_or(f64::NAN);
        format!(
            "the gradient of `{name}` says that the output changes by {expected:.4} a step in a fixed direction, \
             finite differences say {slope:.4}"
        )
    })
}

/// A loss of an output: its sum, each value with a fixed weight, and how large its summands are in all.
pub(super) fn weighed(output: &Tensor) -> Checked<(Tensor, f64)> {
    let weights = wave(&output.size(), 0.37)?.f_to_device(output.device())?;
    let parts = output.f_to_kind(DType::Double)?.f_mul(&weights)?;
    let size = number(&parts.f_abs()?.f_sum(DType::Double)?)?;
    Ok((parts.f_sum(DType::Double)?, size))
}

fn number(scalar: &Tensor) -> Checked<f64> {
    Ok(scalar.f_double_value(&[])?)
}

/// Holds that an output hangs on what it is computed from.
pub(super) fn attached(output: &Tensor, what: &str) -> Checked {
    match output.requires_grad() {
        true => Ok(()),
        false => Err(Fault::new(format!("{what} carries no gradients"))),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use crate::conformance::tensors::FLOATS;

    fn leaf() -> Vec<(String, Tensor)> {
        let leaf = Tensor::linspace(-1.1, 1.5, 6, FLOATS).set_requires_grad(true);
        vec![("x".to_owned(), leaf)]
    }

    #[test]
    fn right_gradients_agree() {
        let leaves = leaf();
        let x = leaves[0].1.shallow_clone();
        agree(&leaves, || weighed(&(x.tanh() * &x + x.relu()))).unwrap();
        assert_eq!(x, leaf()[0].1, "values are put back");
    }

    #[test]
    fn a_factor_and_a_cut_are_found() {
        let leaves = leaf();
        let x = leaves[0].1.shallow_clone();
        // The value of x², with the gradient of a constant beside it.
        let cut = || weighed(&(&x * x.detach()));
        let fault = agree(&leaves, cut).unwrap_err().to_string();
        assert!(fault.contains("finite differences say"), "{fault}");
        let none = || weighed(&(x.detach().square() + x.sum(DType::Float) * 0.0));
        assert!(agree(&leaves, none).is_err());
    }
}
