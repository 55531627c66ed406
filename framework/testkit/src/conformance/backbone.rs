//! What every backbone does.

use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{Backbone, BackboneContext, Objective};
use serde_json::Value;
use tch::{Device, Kind as DType, Tensor};

use super::process::{keeps_seed, unchanged};
use super::round_trip::round_trip;
use super::{Numbers, assert_refused, same};

const DIM: i64 = 8;
const MAX_LEN: i64 = 10;

/// Runs the suite of backbones.
///
/// # Panics
/// When a check fails.
pub fn backbone(registry: &Registry, name: &str, settings: &Value) -> Numbers {
    let make = |seed| {
        tch::manual_seed(seed);
        let context = BackboneContext {
            dim: DIM,
            max_len: MAX_LEN,
            device: "cpu".into(),
        };
        let made = unchanged("create", || registry.backbone(name, settings, &context));
        made.unwrap_or_else(|e| panic!("it can be made: {e}"))
    };
    keeps_seed("create", || {
        drop(make_without_seed(registry, name, settings))
    });
    let mut numbers = Numbers::default();
    let model = make(7);
    equal_seeds(&*model, &*make(7), &mut numbers);
    shapes(&*model);
    padding(&*model, &mut numbers);
    last(&*model);
    if let Ok(Objective::NextItem) = model.objective() {
        no_look_ahead(&*model);
    }
    refusals(&*model);
    let mut other = make(8);
    round_trip(&*model, &mut *other);
    let (input, mask) = batch(3, 6);
    let (a, b) = (
        hidden(&*model, &input, &mask),
        hidden(&*other, &input, &mask),
    );
    assert!(same(&a, &b), "a loaded state gives the same hidden states");
    training(&*model, &mut numbers);
    numbers
}

fn make_without_seed(registry: &Registry, name: &str, settings: &Value) -> Box<dyn Backbone> {
    let context = BackboneContext {
        dim: DIM,
        max_len: MAX_LEN,
        device: "cpu".into(),
    };
    let made = registry.backbone(name, settings, &context);
    made.unwrap_or_else(|e| panic!("it can be made: {e}"))
}

/// A batch whose values do not depend on the process's seed.
fn batch(rows: i64, length: i64) -> (Tensor, Tensor) {
    let count = rows * length * DIM;
    let input = (Tensor::arange(count, (DType::Float, Device::Cpu)) * 0.37).sin();
    let mask = Tensor::ones([rows, length], (DType::Bool, Device::Cpu));
    (input.reshape([rows, length, DIM]), mask)
}

fn hidden(model: &dyn Backbone, input: &Tensor, mask: &Tensor) -> Tensor {
    let run = || tch::no_grad(|| model.forward(input, mask, false));
    let hidden = unchanged("forward", run);
    hidden.unwrap_or_else(|e| panic!("it takes a batch {:?}: {e}", input.size()))
}

fn equal_seeds(one: &dyn Backbone, two: &dyn Backbone, numbers: &mut Numbers) {
    let parameters = |model: &dyn Backbone| {
        let all = unchanged("parameters", || model.parameters());
        all.unwrap_or_else(|e| panic!("it hands out its parameters: {e}"))
    };
    let (first, second) = (parameters(one), parameters(two));
    assert_eq!(first.len(), second.len(), "equal seeds, equal parameters");
    for ((name, a), (other, b)) in first.iter().zip(&second) {
        assert_eq!(name, other, "parameters keep their order");
        assert!(
            same(a, b),
            "equal seeds, equal parameters: `{name}` differs"
        );
        numbers.add(name, a);
    }
    let (input, mask) = batch(3, 6);
    let (a, b) = (hidden(one, &input, &mask), hidden(two, &input, &mask));
    assert!(same(&a, &b), "equal seeds, equal hidden states");
    assert!(
        same(&a, &hidden(one, &input, &mask)),
        "without training, equal inputs give equal outputs"
    );
    numbers.add("hidden", &a);
}

fn shapes(model: &dyn Backbone) {
    for (rows, length) in [(1, 1), (1, MAX_LEN), (5, 3)] {
        let (input, mask) = batch(rows, length);
        let hidden = hidden(model, &input, &mask);
        assert_eq!(hidden.size(), [rows, length, DIM]);
        assert_eq!(hidden.kind(), DType::Float);
        let finite = hidden.isfinite().all();
        assert!(
            bool::try_from(finite).unwrap_or(false),
            "hidden states are finite"
        );
    }
}

/// More padding on the right, whatever stands in it, changes nothing at real positions.
fn padding(model: &dyn Backbone, numbers: &mut Numbers) {
    let (input, mask) = batch(2, 4);
    let junk = Tensor::full([2, 3, DIM], 1e3, (DType::Float, Device::Cpu));
    let padded = Tensor::cat(&[&input, &junk], 1);
    let padded_mask = Tensor::cat(&[&mask, &mask.narrow(1, 0, 3).zeros_like()], 1);
    let short = hidden(model, &input, &mask);
    let long = hidden(model, &padded, &padded_mask).narrow(1, 0, 4);
    assert!(
        short.allclose(&long, 1e-4, 1e-5, false),
        "padding changes hidden states of real positions"
    );
    numbers.add("padded", &long);
}

/// The last position's state asked for alone is that of the forward pass.
fn last(model: &dyn Backbone) {
    let (input, _) = batch(4, 5);
    let places = Tensor::arange(5, (DType::Int64, Device::Cpu));
    let lengths = Tensor::from_slice(&[5i64, 1, 3, 4]);
    let mask = places.lt_tensor(&lengths.unsqueeze(1));
    let all = hidden(model, &input, &mask);
    let found = unchanged("last", || tch::no_grad(|| model.last(&input, &mask)));
    let found = found.unwrap_or_else(|e| panic!("it gives the last states: {e}"));
    for (row, length) in (0..).zip([5, 1, 3, 4]) {
        assert!(
            found
                .get(row)
                .allclose(&all.get(row).get(length - 1), 1e-4, 1e-5, false),
            "`last` gives another state than `forward` has in a row of {length}"
        );
    }
}

/// What comes later does not change what came before.
fn no_look_ahead(model: &dyn Backbone) {
    let (input, mask) = batch(2, 6);
    let tail = input.narrow(1, 3, 3) + 5.0;
    let changed = Tensor::cat(&[&input.narrow(1, 0, 3), &tail], 1);
    let (a, b) = (hidden(model, &input, &mask), hidden(model, &changed, &mask));
    let (a, b) = (a.narrow(1, 0, 3), b.narrow(1, 0, 3));
    assert!(
        a.allclose(&b, 1e-4, 1e-5, false),
        "a position sees items after it"
    );
}

fn refusals(model: &dyn Backbone) {
    let (input, mask) = batch(2, 4);
    let wide = Tensor::cat(&[&input, &input], 2);
    assert_refused(
        "an input of another width",
        model.forward(&wide, &mask, false),
    );
    assert_refused(
        "an input without a batch",
        model.forward(&input.get(0), &mask, false),
    );
    let (_, short) = batch(2, 3);
    assert_refused(
        "a mask of another length",
        model.forward(&input, &short, false),
    );
    // Some backbones can take more than they were promised; the others say so.
    let (long, long_mask) = batch(1, MAX_LEN + 1);
    match model.forward(&long, &long_mask, false) {
        Ok(hidden) => assert_eq!(hidden.size(), long.size()),
        refused => assert_refused("a sequence that is too long", refused),
    }
    // And it still works.
    let _ = hidden(model, &input, &mask);
}

/// Gradients reach every parameter and the input, and the host's step changes what the model says.
fn training(model: &dyn Backbone, numbers: &mut Numbers) {
    let (input, mask) = batch(3, 6);
    let before = hidden(model, &input, &mask);
    let input = input.set_requires_grad(true);
    tch::manual_seed(3);
    let run = || model.forward(&input, &mask, true);
    let output = unchanged("forward", run).unwrap_or_else(|e| panic!("it can be trained: {e}"));
    let target = Tensor::linspace(-1.0, 1.0, DIM, (DType::Float, Device::Cpu));
    (output - target).square().mean(DType::Float).backward();
    assert!(input.grad().defined(), "gradients reach the input");
    let parameters = model
        .parameters()
        .unwrap_or_else(|e| panic!("it hands out its parameters: {e}"));
    tch::no_grad(|| {
        for (name, parameter) in &parameters {
            let gradient = parameter.grad();
            assert!(gradient.defined(), "gradients reach `{name}`");
            numbers.add(format!("gradient of {name}"), &gradient);
            let _ = parameter.shallow_clone().subtract_(&(gradient * 0.1));
        }
    });
    let after = hidden(model, &input.detach(), &mask);
    if !parameters.is_empty() {
        assert!(
            !same(&before, &after),
            "a step of the host changes the model"
        );
    }
    numbers.add("after a step", &after);
}
