//! What every backbone does.

mod training;

use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{Backbone, BackboneContext, Objective};
use tch::{Kind as DType, Tensor};

use super::memory::leaks;
use super::process::{SEED, keeps_seed};
use super::round_trip::{STATE, round_trip};
use super::speed::speed;
use super::tensors::{FLOATS, equal, finite, near, refused, shaped, wave, within};
use super::{Case, Depth, Numbers, device};
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const DIM: i64 = 8;
const MAX_LEN: i64 = 10;

const fn rule(name: &'static str, fix: &'static str) -> Rule {
    Rule::new(name, Section::Backbone, fix)
}

const CREATE: Rule = Rule::new(
    "create",
    Section::Create,
    "make an instance from the defaults and `{\"dim\": 8, \"max_len\": 10, \"device\": \"cpu\"}`; where settings are needed, \
     give them with --set",
);
const SHAPES: Rule = rule(
    "shapes",
    "`forward` gives `hidden` f32 [B,L,d] for any B of at least 1 and L from 1 to `max_len`",
);
const VALUES: Rule = rule(
    "values",
    "finite numbers: look for a division by zero or a softmax over no position",
);
const DETERMINISM: Rule = rule(
    "determinism",
    "draw first values and dropout from libtorch's generator, which the host seeds, and nothing when `train` is false; give \
     parameters in one order",
);
const PADDING: Rule = rule(
    "padding",
    "let nothing at places where `mask` is false into what is real: in attention, sums, means and norms over a sequence",
);
const LAST: Rule = rule(
    "last",
    "`last` gives what `forward` without training has at each row's last real place",
);
const LOOK_AHEAD: Rule = rule(
    "no look-ahead",
    "with objective `next_item` no place sees those after it: mask attention, pad convolutions on the left; or state the \
     objective `cloze`",
);
const REFUSALS: Rule = rule(
    "refusals",
    "return status 1 with a reason for an input that is not [B,L,d] or a mask that is not [B,L]; work on afterwards",
);

/// Runs the checks of backbones.
pub(super) fn checks(suite: &mut Suite<'_>, registry: &Registry, case: &Case, depth: Depth) {
    let make_on = |seed, dim, max_len, device: &str| -> Checked<Box<dyn Backbone>> {
        tch::manual_seed(seed);
        let context = context(dim, max_len, device);
        Ok(registry.backbone(&case.name, &case.settings, &context)?)
    };
    let make = |seed| make_on(seed, DIM, MAX_LEN, "cpu");
    let Some(model) = suite.check(CREATE, |_| make(7)) else {
        return;
    };
    if suite.check(SHAPES, |_| shapes(&*model)).is_none() {
        return;
    }
    suite.check(VALUES, |_| {
        let (input, mask) = batch(3, MAX_LEN)?;
        finite(&hidden(&*model, &input, &mask)?, "`hidden`")
    });
    suite.check(DETERMINISM, |numbers| {
        equal_seeds(&*model, &*make(7)?, numbers)
    });
    suite.check(SEED, |_| {
        keeps_seed("create", || {
            let context = context(DIM, MAX_LEN, "cpu");
            registry.backbone(&case.name, &case.settings, &context)?;
            Ok(())
        })
    });
    suite.check(PADDING, |numbers| padding(&*model, numbers));
    suite.check(LAST, |_| last(&*model));
    suite.check(LOOK_AHEAD, |_| match model.objective()? {
        Objective::NextItem => no_look_ahead(&*model),
        Objective::Cloze { .. } => Ok(()),
    });
    suite.check(REFUSALS, |_| refusals(&*model));
    suite.check(STATE, |_| {
        let (learned, mut loaded) = (make(7)?, make(8)?);
        learn(&*learned)?;
        round_trip(&*learned, &mut *loaded)?;
        let (input, mask) = batch(3, 6)?;
        let (a, b) = (
            hidden(&*learned, &input, &mask)?,
            hidden(&*loaded, &input, &mask)?,
        );
        near(&a, &b, "a loaded state gives the same hidden states")
    });
    training::checks(suite, &*model);
    if depth == Depth::All {
        device::moves(suite, Section::Backbone, || {
            moved(&*model, &mut *make_on(8, DIM, MAX_LEN, device::GPU)?)
        });
        measured(suite, &|| make_on(7, 64, 50, "cpu"));
    }
}

fn context(dim: i64, max_len: i64, device: &str) -> BackboneContext {
    let device = device.to_owned();
    BackboneContext {
        dim,
        max_len,
        device,
    }
}

/// A batch whose values do not depend on the process's seed.
fn batch(rows: i64, length: i64) -> Checked<(Tensor, Tensor)> {
    batch_of(rows, length, DIM)
}

fn batch_of(rows: i64, length: i64, dim: i64) -> Checked<(Tensor, Tensor)> {
    let mask = Tensor::f_ones([rows, length], (DType::Bool, tch::Device::Cpu))?;
    Ok((wave(&[rows, length, dim], 0.37)?, mask))
}

fn hidden(model: &dyn Backbone, input: &Tensor, mask: &Tensor) -> Checked<Tensor> {
    let attempt = format!("it does not take a batch {:?}", input.size());
    tch::no_grad(|| model.forward(input, mask, false)).map_err(Fault::at(&attempt))
}

fn shapes(model: &dyn Backbone) -> Checked {
    for (rows, length) in [(1, 1), (1, MAX_LEN), (5, 3)] {
        let (input, mask) = batch(rows, length)?;
        let hidden = hidden(model, &input, &mask)?;
        shaped(&hidden, &[rows, length, DIM], "`hidden`")?;
    }
    Ok(())
}

fn parameters(model: &dyn Backbone) -> Checked<Vec<(String, Tensor)>> {
    model
        .parameters()
        .map_err(Fault::at("it does not hand out its parameters"))
}

fn equal_seeds(one: &dyn Backbone, two: &dyn Backbone, numbers: &mut Numbers) -> Checked {
    let (first, second) = (parameters(one)?, parameters(two)?);
    let names = |all: &[(String, Tensor)]| all.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    holds(names(&first) == names(&second), || {
        let (a, b) = (names(&first), names(&second));
        format!(
            "parameters have the same names in the same order each time, but here {a:?} and {b:?}"
        )
    })?;
    for ((name, a), (_, b)) in first.iter().zip(&second) {
        equal(a, b, &format!("equal seeds give equal parameters `{name}`"))?;
        numbers.add(name, a)?;
    }
    let (input, mask) = batch(3, 6)?;
    let (a, b) = (hidden(one, &input, &mask)?, hidden(two, &input, &mask)?);
    equal(&a, &b, "equal seeds give equal hidden states")?;
    let again = hidden(one, &input, &mask)?;
    equal(
        &a,
        &again,
        "without training, equal inputs give equal outputs",
    )?;
    numbers.add("hidden", &a)
}

/// More padding on the right, whatever stands in it, changes nothing at real positions.
fn padding(model: &dyn Backbone, numbers: &mut Numbers) -> Checked {
    let (input, mask) = batch(2, 4)?;
    let junk = Tensor::f_full([2, 3, DIM], 1e3, FLOATS)?;
    let padded = Tensor::f_cat(&[&input, &junk], 1)?;
    let padded_mask = Tensor::f_cat(&[&mask, &mask.f_narrow(1, 0, 3)?.f_zeros_like()?], 1)?;
    let short = hidden(model, &input, &mask)?;
    let long = hidden(model, &padded, &padded_mask)?.f_narrow(1, 0, 4)?;
    near(&short, &long, "padding changes nothing at real places")?;
    numbers.add("padded", &long)
}

/// The last position's state asked for alone is that of the forward pass.
fn last(model: &dyn Backbone) -> Checked {
    let lengths = [5i64, 1, 3, 4];
    let (input, _) = batch(4, 5)?;
    let places = Tensor::f_arange(5, (DType::Int64, tch::Device::Cpu))?;
    let ends = Tensor::f_from_slice(&lengths)?.f_unsqueeze(1)?;
    let mask = places.f_lt_tensor(&ends)?;
    let all = hidden(model, &input, &mask)?;
    let found = tch::no_grad(|| model.last(&input, &mask));
    let found = found.map_err(Fault::at("it does not give the last states"))?;
    for (row, length) in (0..).zip(lengths) {
        let expected = all.f_get(row)?.f_get(length - 1)?;
        let what = format!("in a row of {length}, `last` gives what `forward` has");
        near(&found.f_get(row)?, &expected, &what)?;
    }
    Ok(())
}

/// What comes later does not change what came before.
fn no_look_ahead(model: &dyn Backbone) -> Checked {
    let (input, mask) = batch(2, 6)?;
    let tail = input.f_narrow(1, 3, 3)?.f_add_scalar(5.0)?;
    let changed = Tensor::f_cat(&[&input.f_narrow(1, 0, 3)?, &tail], 1)?;
    let a = hidden(model, &input, &mask)?.f_narrow(1, 0, 3)?;
    let b = hidden(model, &changed, &mask)?.f_narrow(1, 0, 3)?;
    near(&a, &b, "items that come later change nothing before them")
}

fn refusals(model: &dyn Backbone) -> Checked {
    let (input, mask) = batch(2, 4)?;
    let wide = Tensor::f_cat(&[&input, &input], 2)?;
    refused(
        "an input of another width",
        model.forward(&wide, &mask, false),
    )?;
    refused(
        "an input without a batch",
        model.forward(&input.f_get(0)?, &mask, false),
    )?;
    let (_, short) = batch(2, 3)?;
    refused(
        "a mask of another length",
        model.forward(&input, &short, false),
    )?;
    // Some backbones can take more than they were promised; the others say so.
    let (long, long_mask) = batch(1, MAX_LEN + 1)?;
    match model.forward(&long, &long_mask, false) {
        Ok(hidden) => shaped(&hidden, &long.size(), "`hidden` of a long sequence")?,
        no => refused("a sequence that is too long", no)?,
    }
    // And it still works.
    hidden(model, &input, &mask).map(drop)
}

/// Moves all parameters away from their first values, which another instance has without a state.
fn learn(model: &dyn Backbone) -> Checked {
    let parameters = parameters(model)?;
    tch::no_grad(|| {
        for (_, parameter) in &parameters {
            let by = wave(&parameter.size(), 1.3)?.f_add_scalar(1.0)?;
            let _ = (parameter.shallow_clone()).f_add_(&by.f_mul_scalar(0.05)?)?;
        }
        Ok(())
    })
}

/// A state from the CPU computes the same on the GPU.
fn moved(model: &dyn Backbone, there: &mut dyn Backbone) -> Checked {
    round_trip(model, there)?;
    parameters(there)?;
    let (input, mask) = batch(3, 6)?;
    let gpu = tch::Device::Cuda(0);
    let found = hidden(there, &input.f_to_device(gpu)?, &mask.f_to_device(gpu)?)?;
    let found = found.f_to_device(tch::Device::Cpu)?;
    let expected = hidden(model, &input, &mask)?;
    let what = "the GPU computes what the CPU does";
    within(&expected, &found, [1e-3, 1e-4], what)
}

fn measured(suite: &mut Suite<'_>, make: &dyn Fn() -> Checked<Box<dyn Backbone>>) {
    const SIZE: [i64; 3] = [16, 50, 64];
    let made = || -> Checked<_> { Ok((make()?, batch_of(SIZE[0], SIZE[1], SIZE[2])?)) };
    // What cannot be made here was told by `create`.
    let Ok((model, (input, mask))) = made() else {
        return;
    };
    let train = || model.forward(&input, &mask, true);
    leaks(
        suite,
        &mut [
            ("`create` and `destroy`", &mut || make().map(drop)),
            ("`forward`", &mut || {
                hidden(&*model, &input, &mask).map(drop)
            }),
            ("`forward` in training", &mut || Ok(train().map(drop)?)),
            ("`save`", &mut || Ok(model.save().map(drop)?)),
        ],
    );
    speed(
        suite,
        &mut [
            (format!("forward of {SIZE:?}"), &mut || {
                hidden(&*model, &input, &mask).map(drop)
            }),
            (format!("forward and backward of {SIZE:?}"), &mut || {
                Ok(train()?.f_sum(DType::Float)?.f_backward()?)
            }),
        ],
    );
}
