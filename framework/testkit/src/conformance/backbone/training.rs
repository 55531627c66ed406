//! Gradients reach every parameter and the input, they are right, and the host's step changes what the model says.

use lapidary_sdk::kinds::Backbone;
use tch::{Kind as DType, Tensor};

use super::{DETERMINISM, DIM, batch, hidden, parameters, rule};
use crate::conformance::Numbers;
use crate::conformance::gradients::{self, agree, attached, weighed};
use crate::conformance::tensors::{FLOATS, equal, same};
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const STEP: Rule = rule(
    "host's step",
    "`parameters` gives handles to the very tensors that `forward` computes with, not copies: the host changes them in place",
);

pub(super) fn checks(suite: &mut Suite<'_>, model: &dyn Backbone) {
    let rule = Rule {
        name: "determinism in training",
        ..DETERMINISM
    };
    suite.check(rule, |_| {
        let (input, mask) = batch(3, 6)?;
        let run = || forward(model, &input, &mask);
        equal(&run()?, &run()?, "equal seeds give equal dropout")
    });
    suite.check(gradients::rule(Section::Backbone), |_| {
        let (input, mask) = batch(2, 5)?;
        let input = input.f_set_requires_grad(true)?;
        let mut leaves = vec![("input".to_owned(), input.shallow_clone())];
        leaves.extend(parameters(model)?);
        let loss = || {
            let hidden = forward(model, &input, &mask)?;
            weighed(&hidden)
        };
        tch::no_grad(|| loss().map(drop))?;
        attached(&forward(model, &input, &mask)?, "`hidden`")?;
        let outcome = agree(&leaves, loss);
        for (_, leaf) in &leaves {
            leaf.shallow_clone().zero_grad();
        }
        outcome
    });
    suite.check(STEP, |numbers| step(model, numbers));
}

/// A pass in training whose dropout is the same each time.
fn forward(model: &dyn Backbone, input: &Tensor, mask: &Tensor) -> Checked<Tensor> {
    tch::manual_seed(3);
    model
        .forward(input, mask, true)
        .map_err(Fault::at("it cannot be trained"))
}

fn step(model: &dyn Backbone, numbers: &mut Numbers) -> Checked {
    let (input, mask) = batch(3, 6)?;
    let before = hidden(model, &input, &mask)?;
    let target = Tensor::f_linspace(-1.0, 1.0, DIM, FLOATS)?;
    let output = forward(model, &input, &mask)?;
    let parameters = parameters(model)?;
    if parameters.is_empty() {
        return Ok(());
    }
    attached(&output, "`hidden`")?;
    let loss = output.f_sub(&target)?.f_square()?.f_mean(DType::Float)?;
    loss.f_backward()?;
    tch::no_grad(|| -> Checked {
        for (name, parameter) in &parameters {
            let gradient = parameter.grad();
            holds(gradient.defined(), || {
                format!("no gradient reaches `{name}`")
            })?;
            numbers.add(format!("gradient of {name}"), &gradient)?;
            let _ = parameter
                .shallow_clone()
                .f_sub_(&gradient.f_mul_scalar(0.1)?)?;
        }
        Ok(())
    })?;
    let after = hidden(model, &input, &mask)?;
    holds(!same(&before, &after)?, || {
        "changing the parameters in place changed nothing in what it computes".to_owned()
    })?;
    numbers.add("after a step", &after)
}
