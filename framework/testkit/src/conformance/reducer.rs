//! What every reducer does.

use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{Reducer, ReducerContext};
use serde_json::Value;
use tch::{Device, Kind as DType, Tensor};

use super::process::{keeps_seed, unchanged};
use super::round_trip::round_trip;
use super::{Numbers, assert_refused, same};

const ROWS: i64 = 40;
const WIDTH: i64 = 9;
const DIM: i64 = 4;

/// Runs the suite of reducers.
///
/// # Panics
/// When a check fails.
pub fn reducer(registry: &Registry, name: &str, settings: &Value) -> Numbers {
    let make = |seed| {
        let made = registry.reducer(name, settings, &ReducerContext { seed });
        made.unwrap_or_else(|e| panic!("it can be made: {e}"))
    };
    let table = table();
    let mut numbers = Numbers::default();
    let mut fitted = make(7);
    assert_refused("a transform before the fit", fitted.transform(&table));
    let shares = fit(&mut *fitted, &table);
    check_shares(shares.as_deref(), &mut numbers);
    let reduced = transform(&*fitted, &table);
    assert_eq!(reduced.size(), [ROWS, DIM]);
    assert!(
        bool::try_from(reduced.isfinite().all()).unwrap_or(false),
        "values are finite"
    );
    numbers.add("reduced", &reduced);

    let part = transform(&*fitted, &table.narrow(0, 5, 3));
    let close = part.allclose(&reduced.narrow(0, 5, 3), 1e-4, 1e-5, false);
    assert!(close, "a row is reduced alike whatever stands beside it");

    let mut again = make(7);
    fit(&mut *again, &table);
    assert!(
        same(&reduced, &transform(&*again, &table)),
        "equal seeds, equal tables"
    );
    keeps_seed("fit", || drop(fit(&mut *make(7), &table)));

    let mut loaded = make(8);
    round_trip(&*fitted, &mut *loaded);
    assert!(
        same(&reduced, &transform(&*loaded, &table)),
        "a loaded state reduces alike"
    );
    refusals(&mut *fitted, &table);
    numbers
}

/// A table whose columns differ in spread, the same in every run.
fn table() -> Tensor {
    let options = (DType::Float, Device::Cpu);
    let noise = (Tensor::arange(ROWS * WIDTH, options) * 1.7)
        .sin()
        .reshape([ROWS, WIDTH]);
    noise * Tensor::linspace(3.0, 0.3, WIDTH, options) + 0.5
}

fn fit(reducer: &mut dyn Reducer, table: &Tensor) -> Option<Vec<f64>> {
    let shares = unchanged("fit", || reducer.fit(table, DIM));
    shares.unwrap_or_else(|e| panic!("it fits a table: {e}"))
}

fn transform(reducer: &dyn Reducer, table: &Tensor) -> Tensor {
    let reduced = unchanged("transform", || reducer.transform(table));
    reduced.unwrap_or_else(|e| panic!("it reduces a table: {e}"))
}

fn check_shares(shares: Option<&[f64]>, numbers: &mut Numbers) {
    let Some(shares) = shares else { return };
    assert!(
        shares.iter().all(|s| (0.0..=1.0).contains(s)),
        "shares of variance lie in 0 to 1"
    );
    assert!(
        shares.iter().sum::<f64>() <= 1.0 + 1e-6,
        "shares of variance add up to 1 at most"
    );
    numbers.add("shares", &Tensor::from_slice(shares));
}

fn refusals(reducer: &mut dyn Reducer, table: &Tensor) {
    assert_refused("no column", reducer.fit(table, 0));
    assert_refused(
        "more columns than the table has",
        reducer.fit(table, WIDTH + 1),
    );
    assert_refused("a table without rows", reducer.fit(&table.get(0), DIM));
    let narrow = table.narrow(1, 0, WIDTH - 1);
    fit(reducer, table);
    assert_refused("a table of another width", reducer.transform(&narrow));
    let _ = transform(reducer, table);
}
