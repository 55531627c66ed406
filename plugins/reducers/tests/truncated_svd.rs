//! Truncated singular value decomposition, against scikit-learn's (`fixtures/make_linear.py`) and by what it promises.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{contract, largest_difference, linear, make, noise};
use lapidary_reducers::{TruncatedSvd, TruncatedSvdSettings};
use lapidary_sdk::prelude::*;

fn svd() -> TruncatedSvd {
    make(TruncatedSvdSettings {}, 0)
}

#[test]
fn agrees_with_scikit_learn() {
    for (shape, dim) in [("tall", 4), ("wide", 5)] {
        let tensor = |name: &str| linear(&format!("{shape}.{name}"));
        let mut svd = svd();
        let shares = svd.fit(&tensor("table"), dim).unwrap().unwrap();
        let reduced = svd.transform(&tensor("other")).unwrap();
        let difference = largest_difference(&reduced.to_kind(DType::Double), &tensor("svd"));
        assert!(difference < 1e-4, "{shape}: {difference}");
        let shares = Tensor::from_slice(&shares);
        assert!(
            largest_difference(&shares, &tensor("svd.shares")) < 1e-9,
            "{shape}"
        );
    }
}

#[test]
fn inner_products_of_a_table_of_low_rank_are_kept() {
    let table = noise(50, 3).matmul(&noise(3, 10)) + 4.0;
    let mut svd = svd();
    svd.fit(&table, 4).unwrap();
    let reduced = svd.transform(&table).unwrap();
    let products = |t: &Tensor| t.matmul(&t.tr());
    let difference = largest_difference(&products(&table), &products(&reduced));
    assert!(difference < 1e-2, "{difference}");
    let origin = svd.transform(&table.zeros_like()).unwrap();
    assert_eq!(origin.abs().max().double_value(&[]), 0.0);
}

#[test]
fn a_constant_column_and_a_table_of_zeros_have_a_decomposition() {
    let table = noise(20, 4);
    let _ = table.narrow(1, 2, 1).fill_(3.0);
    let mut svd = svd();
    let shares = svd.fit(&table, 4).unwrap().unwrap();
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let zeros = table.zeros_like();
    assert_eq!(svd.fit(&zeros, 2).unwrap().unwrap(), [0.0, 0.0]);
    assert_eq!(svd.transform(&zeros).unwrap(), zeros.narrow(1, 0, 2));
    let error = svd.fit(&table.narrow(0, 0, 1), 2).unwrap_err();
    assert!(error.to_string().contains("at least 2 rows"), "{error}");
}

#[test]
fn keeps_the_contract() {
    contract::<TruncatedSvd>();
}
