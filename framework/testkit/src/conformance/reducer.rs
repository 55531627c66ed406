//! What every reducer does.

use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{Reducer, ReducerContext};
use tch::Tensor;

use super::memory::leaks;
use super::process::{SEED, keeps_seed};
use super::round_trip::{STATE, round_trip};
use super::speed::speed;
use super::tensors::{FLOATS, equal, finite, near, refused, shaped, wave};
use super::{Case, Depth, Numbers, device};
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const ROWS: i64 = 40;
const WIDTH: i64 = 9;
const DIM: i64 = 4;

const fn rule(name: &'static str, fix: &'static str) -> Rule {
    Rule::new(name, Section::Reducer, fix)
}

const CREATE: Rule = Rule::new(
    "create",
    Section::Create,
    "make an instance from the defaults and `{\"seed\": 0}`; where settings are needed, give them with --set",
);
const SHAPES: Rule = rule(
    "shapes",
    "`transform` gives `reduced` f32 [N,dim] for a table [N,d], with the `dim` that `fit` was given",
);
const VALUES: Rule = rule(
    "values",
    "finite numbers; shares of variance between 0 and 1 that add up to 1 at most, or null",
);
const ROW: Rule = rule(
    "each row alone",
    "`transform` may use what `fit` learned and the row itself, nothing of the other rows",
);
const DETERMINISM: Rule = rule(
    "determinism",
    "draw everything that is random from a generator seeded with the context's `seed`",
);
const REFUSALS: Rule = rule(
    "refusals",
    "return status 1 with a reason for a `dim` outside 1..=d, a table that is not [N,d], a transform before the fit or of \
     another width; work on afterwards",
);

/// Runs the checks of reducers.
pub(super) fn checks(suite: &mut Suite<'_>, registry: &Registry, case: &Case, depth: Depth) {
    let make = |seed| -> Checked<Box<dyn Reducer>> {
        let context = ReducerContext { seed };
        Ok(registry.reducer(&case.name, &case.settings, &context)?)
    };
    let Some(mut fitted) = suite.check(CREATE, |_| make(7)) else {
        return;
    };
    let first = suite.check(SHAPES, |numbers| first_fit(&mut *fitted, numbers));
    let Some(Seen {
        table,
        reduced,
        shares,
        many,
    }) = first
    else {
        return;
    };
    suite.check(VALUES, |numbers| {
        finite(&reduced, "`reduced`")?;
        check_shares(shares.as_deref(), numbers)
    });
    suite.check(ROW, |_| {
        let part = transform(&*fitted, &table.f_narrow(0, 5, 3)?)?;
        let same = reduced.f_narrow(0, 5, 3)?;
        near(
            &part,
            &same,
            "a row is reduced alike whatever stands beside it",
        )
    });
    suite.check(DETERMINISM, |_| {
        let mut again = make(7)?;
        fit(&mut *again, &table)?;
        let again = transform(&*again, &table)?;
        equal(&reduced, &again, "equal seeds give equal tables")
    });
    suite.check(SEED, |_| {
        keeps_seed("fit", || fit(&mut *make(7)?, &table).map(drop))
    });
    suite.check(STATE, |_| {
        let mut loaded = make(8)?;
        round_trip(&*fitted, &mut *loaded)?;
        let loaded = transform(&*loaded, &table)?;
        near(&reduced, &loaded, "a loaded state reduces alike")
    });
    suite.check(REFUSALS, |_| refusals(&mut *make(7)?, &table));
    if depth == Depth::All {
        device::moves(suite, Section::Reducer, || {
            moved(&*fitted, &mut *make(7)?, &table, &reduced)
        });
        measured(suite, &*fitted, [&table, &many], &make);
    }
}

/// What was fitted on the CPU reduces on the GPU too, and another one can be fitted there.
fn moved(
    fitted: &dyn Reducer,
    other: &mut dyn Reducer,
    table: &Tensor,
    reduced: &Tensor,
) -> Checked {
    let there = table.f_to_device(tch::Device::Cuda(0))?;
    let moved = transform(fitted, &there)?.f_to_device(tch::Device::Cpu)?;
    near(
        reduced,
        &moved,
        "a table on the GPU is reduced as on the CPU",
    )?;
    fit(other, &there).map(drop)
}

struct Seen {
    table: Tensor,
    reduced: Tensor,
    shares: Option<Vec<f64>>,
    /// The table's rows, several times.
    many: Tensor,
}

fn first_fit(fitted: &mut dyn Reducer, numbers: &mut Numbers) -> Checked<Seen> {
    let table = table()?;
    let shares = fit(fitted, &table)?;
    let reduced = transform(fitted, &table)?;
    shaped(&reduced, &[ROWS, DIM], "`reduced`")?;
    numbers.add("reduced", &reduced)?;
    let many = table.f_repeat([50, 1])?;
    Ok(Seen {
        table,
        reduced,
        shares,
        many,
    })
}

fn measured(
    suite: &mut Suite<'_>,
    fitted: &dyn Reducer,
    [table, many]: [&Tensor; 2],
    make: &dyn Fn(u64) -> Checked<Box<dyn Reducer>>,
) {
    leaks(
        suite,
        &mut [
            ("`create` and `destroy`", &mut || make(7).map(drop)),
            ("`transform`", &mut || transform(fitted, many).map(drop)),
            ("`save`", &mut || Ok(fitted.save().map(drop)?)),
        ],
    );
    let rows = many.size()[0];
    speed(
        suite,
        &mut [
            (format!("fit of [{ROWS},{WIDTH}]"), &mut || {
                fit(&mut *make(7)?, table).map(drop)
            }),
            (format!("transform of [{rows},{WIDTH}]"), &mut || {
                transform(fitted, many).map(drop)
            }),
        ],
    );
}

/// A table whose columns differ in spread, the same in every run.
fn table() -> Checked<Tensor> {
    let spread = Tensor::f_linspace(3.0, 0.3, WIDTH, FLOATS)?;
    let noise = wave(&[ROWS, WIDTH], 1.7)?;
    Ok(noise.f_mul(&spread)?.f_add_scalar(0.5)?)
}

fn fit(reducer: &mut dyn Reducer, table: &Tensor) -> Checked<Option<Vec<f64>>> {
    reducer
        .fit(table, DIM)
        .map_err(Fault::at("it does not fit a table"))
}

fn transform(reducer: &dyn Reducer, table: &Tensor) -> Checked<Tensor> {
    reducer
        .transform(table)
        .map_err(Fault::at("it does not reduce a table"))
}

fn check_shares(shares: Option<&[f64]>, numbers: &mut Numbers) -> Checked {
    let Some(shares) = shares else { return Ok(()) };
    holds(shares.iter().all(|s| (0.0..=1.0).contains(s)), || {
        format!("shares of variance lie in 0 to 1, but here are {shares:?}")
    })?;
    let sum: f64 = shares.iter().sum();
    holds(sum <= 1.0 + 1e-6, || {
        format!("shares of variance add up to 1 at most, but here to {sum}")
    })?;
    numbers.add("shares", &Tensor::f_from_slice(shares)?)
}

fn refusals(reducer: &mut dyn Reducer, table: &Tensor) -> Checked {
    refused("a transform before the fit", reducer.transform(table))?;
    refused("a fit to no column", reducer.fit(table, 0))?;
    refused(
        "a fit to more columns than the table has",
        reducer.fit(table, WIDTH + 1),
    )?;
    refused("a table without rows", reducer.fit(&table.f_get(0)?, DIM))?;
    let narrow = table.f_narrow(1, 0, WIDTH - 1)?;
    fit(reducer, table)?;
    refused("a table of another width", reducer.transform(&narrow))?;
    transform(reducer, table).map(drop)
}
