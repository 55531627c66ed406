//! Whitening, against numpy (`fixtures/make_linear.py`) and by what it promises.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{contract, largest_difference, linear, make, noise};
use lapidary_reducers::{Pca, PcaSettings, Whitening, WhiteningSettings};
use lapidary_sdk::prelude::*;

fn whitening(epsilon: f64) -> Whitening {
    make(WhiteningSettings { epsilon }, 0)
}

fn covariance(table: &Tensor) -> Tensor {
    let table = table.to_kind(DType::Double);
    let centred = &table - table.mean_dim(0, true, DType::Double);
    centred.tr().matmul(&centred) / (table.size()[0] - 1) as f64
}

#[test]
fn agrees_with_numpy() {
    for (shape, dim) in [("tall", 4), ("wide", 5)] {
        let tensor = |name: &str| linear(&format!("{shape}.{name}"));
        let mut whitening = whitening(0.01);
        whitening.fit(&tensor("table"), dim).unwrap();
        let reduced = whitening.transform(&tensor("other")).unwrap();
        let difference = largest_difference(&reduced.to_kind(DType::Double), &tensor("whitened"));
        assert!(difference < 1e-4, "{shape}: {difference}");
    }
}

#[test]
fn columns_are_uncorrelated_with_variance_one() {
    let scales = Tensor::from_slice(&[9.0_f32, 4.0, 1.0, 0.5, 0.2]);
    let table = noise(200, 5).matmul(&noise(5, 5)) * scales + 7.0;
    let mut whitening = whitening(1e-9);
    let shares = whitening.fit(&table, 5).unwrap().unwrap();
    assert!(shares.is_sorted_by(|a, b| a >= b));
    let identity = Tensor::eye(5, (DType::Double, Device::Cpu));
    let found = covariance(&whitening.transform(&table).unwrap());
    assert!(largest_difference(&found, &identity) < 1e-3, "{found:?}");
}

#[test]
fn epsilon_keeps_small_directions_small() {
    let table = noise(500, 2) * Tensor::from_slice(&[1.0_f32, 0.01]);
    let deviation = |epsilon| {
        let mut whitening = whitening(epsilon);
        whitening.fit(&table, 2).unwrap();
        let variances = covariance(&whitening.transform(&table).unwrap()).diag(0);
        Vec::<f64>::try_from(variances.sqrt()).unwrap()
    };
    assert!((deviation(0.0)[1] - 1.0).abs() < 1e-3);
    let [large, small] = deviation(0.01)[..] else {
        panic!("two columns");
    };
    assert!(
        (large - 1.0).abs() < 0.01 && small < 0.15,
        "{large} {small}"
    );
}

#[test]
fn columns_beyond_the_rank_become_zero() {
    let table = noise(40, 2).matmul(&noise(2, 6)) + 1.0;
    for epsilon in [0.0, 1e-6] {
        let mut whitening = whitening(epsilon);
        whitening.fit(&table, 6).unwrap();
        let reduced = whitening.transform(&table).unwrap();
        assert!(reduced.narrow(1, 3, 3).abs().max().double_value(&[]) < 0.1);
        let found = covariance(&reduced.narrow(1, 0, 2));
        let identity = Tensor::eye(2, (DType::Double, Device::Cpu));
        assert!(largest_difference(&found, &identity) < 1e-3);
    }
    let equal = noise(1, 4).repeat([5, 1]);
    let mut whitening = whitening(1e-6);
    whitening.fit(&equal, 2).unwrap();
    let reduced = whitening.transform(&equal).unwrap();
    assert!(reduced.abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn without_epsilon_it_is_whitened_pca() {
    let table = noise(30, 7);
    let (mut whitening, mut pca): (_, Pca) =
        (whitening(0.0), make(PcaSettings { whiten: true }, 0));
    whitening.fit(&table, 3).unwrap();
    pca.fit(&table, 3).unwrap();
    assert_eq!(
        whitening.transform(&table).unwrap(),
        pca.transform(&table).unwrap()
    );
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    for epsilon in [-0.1, f64::NAN, f64::INFINITY] {
        let made = Whitening::create(WhiteningSettings { epsilon }, ReducerContext { seed: 0 });
        let error = made.err().unwrap();
        assert!(error.to_string().contains("`epsilon`"), "{error}");
    }
}

#[test]
fn keeps_the_contract() {
    contract::<Whitening>();
}
