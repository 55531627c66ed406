//! Principal components, against scikit-learn's (`fixtures/make_pca.py`) and by what they promise.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{contract, largest_difference, make, noise};
use lapidary_reducers::{Pca, PcaSettings};
use lapidary_sdk::component::find;
use lapidary_sdk::prelude::*;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/pca.safetensors"
);

fn pca(whiten: bool) -> Pca {
    make(PcaSettings { whiten }, 0)
}

#[test]
fn agrees_with_scikit_learn() {
    let fixture = Tensor::read_safetensors(FIXTURE).unwrap();
    let tensor = |name: &str| find(&fixture, name).unwrap().shallow_clone();
    for (shape, dim) in [("tall", 4), ("wide", 5)] {
        for (name, whiten) in [("plain", false), ("whitened", true)] {
            let mut pca = pca(whiten);
            let table = tensor(&format!("{shape}.table"));
            let shares = pca.fit(&table, dim).unwrap().unwrap();
            let reduced = pca.transform(&tensor(&format!("{shape}.other"))).unwrap();
            let difference = largest_difference(
                &reduced.to_kind(DType::Double),
                &tensor(&format!("{shape}.{name}")),
            );
            assert!(difference < 1e-4, "{shape} {name}: {difference}");
            let expected = tensor(&format!("{shape}.{name}.shares"));
            assert!(largest_difference(&Tensor::from_slice(&shares), &expected) < 1e-9);
        }
    }
}

#[test]
fn all_components_keep_all_distances() {
    let table = noise(30, 8);
    let mut pca = pca(false);
    let shares = pca.fit(&table, 8).unwrap().unwrap();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(shares.is_sorted_by(|a, b| a >= b));
    let reduced = pca.transform(&table).unwrap();
    let distances = |t: &Tensor| Tensor::pdist(t, 2.0);
    assert!(largest_difference(&distances(&table), &distances(&reduced)) < 1e-4);
    assert!(
        reduced
            .mean_dim(0, false, DType::Float)
            .abs()
            .max()
            .double_value(&[])
            < 1e-5
    );
}

#[test]
fn fewer_rows_than_columns_leave_components_that_explain_nothing() {
    let table = noise(3, 10);
    for whiten in [false, true] {
        let mut pca = pca(whiten);
        let shares = pca.fit(&table, 6).unwrap().unwrap();
        assert!((shares[..2].iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(shares[2..].iter().all(|share| (0.0..1e-9).contains(share)));
        let rest = pca.transform(&table).unwrap().narrow(1, 2, 4);
        assert!(rest.abs().max().double_value(&[]) < 1e-4);
    }
}

#[test]
fn equal_rows_become_zero_and_one_row_is_refused() {
    let mut pca = pca(true);
    let equal = noise(1, 4).repeat([5, 1]);
    assert_eq!(pca.fit(&equal, 2).unwrap().unwrap(), [0.0, 0.0]);
    assert!(pca.transform(&equal).unwrap().abs().max().double_value(&[]) < 1e-6);
    let error = pca.fit(&equal.narrow(0, 0, 1), 2).unwrap_err();
    assert!(error.to_string().contains("at least 2 rows"), "{error}");
}

#[test]
fn more_rows_than_a_block_are_one_table() {
    let table = noise(65_536 + 100, 3) + 5.0;
    let mut pca = pca(true);
    pca.fit(&table, 3).unwrap();
    let reduced = pca.transform(&table).unwrap().to_kind(DType::Double);
    let covariance = reduced.tr().matmul(&reduced) / (table.size()[0] - 1) as f64;
    let identity = Tensor::eye(3, (DType::Double, Device::Cpu));
    assert!(largest_difference(&covariance, &identity) < 1e-4);
}

#[test]
fn keeps_the_contract() {
    contract::<Pca>();
}
