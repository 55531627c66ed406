//! What the tests of this crate share.
#![allow(dead_code, clippy::disallowed_methods)]

use lapidary_sdk::component::find;
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{generator, normal};

const LINEAR: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/linear.safetensors"
);

/// A tensor of `fixtures/make_linear.py`.
pub fn linear(name: &str) -> Tensor {
    let fixture = Tensor::read_safetensors(LINEAR).unwrap();
    find(&fixture, name).unwrap().shallow_clone()
}

pub fn make<T: Component<Context = ReducerContext>>(settings: T::Settings, seed: u64) -> T {
    T::create(settings, ReducerContext { seed }).unwrap()
}

pub fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// Normal draws, the same in every run; those of different shapes have nothing in common.
pub fn noise(rows: i64, columns: i64) -> Tensor {
    let mut generator = generator((rows << 32 | columns) as u64);
    let values = normal(&mut generator, rows, columns).unwrap();
    values.to_kind(DType::Float)
}

/// What all reducers refuse, and how they come back from a saved state.
pub fn contract<T: Component<Context = ReducerContext> + Reducer>() {
    let new = || make::<T>(T::Settings::default(), 1);
    let table = noise(20, 6);
    let says = |error: Error, what: &str| assert!(error.to_string().contains(what), "{error}");

    let mut reducer = new();
    says(reducer.transform(&table).unwrap_err(), "must be fitted");
    for dim in [-1, 0, 7] {
        says(reducer.fit(&table, dim).unwrap_err(), "1 to 6 columns");
    }
    for bad in [f64::NAN, f64::INFINITY] {
        let spoilt = table.copy();
        let _ = spoilt.get(2).narrow(0, 1, 2).fill_(bad);
        says(reducer.fit(&spoilt, 2).unwrap_err(), "2 of the table's 120");
    }
    says(reducer.fit(&table.get(0), 2).unwrap_err(), "[V,d]");
    let doubles = table.to_kind(DType::Double);
    says(reducer.fit(&doubles, 2).unwrap_err(), "f32");
    says(reducer.transform(&table).unwrap_err(), "must be fitted");

    reducer.fit(&table, 4).unwrap();
    let reduced = reducer.transform(&table).unwrap();
    assert_eq!(
        (reduced.size(), reduced.kind()),
        (vec![20, 4], DType::Float)
    );
    let other = reducer.transform(&noise(3, 5)).unwrap_err();
    says(other, "fitted on 6 columns; this table has 5");
    assert_eq!(
        reducer.transform(&table.narrow(0, 0, 0)).unwrap().size(),
        [0, 4]
    );

    let mut second = new();
    second.fit(&noise(9, 7), 3).unwrap();
    Component::load(&mut second, &Component::save(&reducer).unwrap()).unwrap();
    assert_eq!(second.transform(&table).unwrap(), reduced);
    Component::load(&mut second, &Component::save(&new()).unwrap()).unwrap();
    says(second.transform(&table).unwrap_err(), "must be fitted");
    let broken = State {
        tensors: vec![("projection".to_owned(), noise(1, 1).get(0))],
        ..State::default()
    };
    assert!(Component::load(&mut second, &broken).is_err());
}
