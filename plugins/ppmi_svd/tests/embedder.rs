//! PPMI-SVD against dense numpy (`fixtures/make_dense.py`), and by what it promises.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use lapidary_ppmi_svd::{PpmiSvd, Settings};
use lapidary_sdk::component::find;
use lapidary_sdk::prelude::*;
use lapidary_testkit::base_embedder::{
    fit, grouped, interactions, refuses, refuses_settings, refuses_wrong_interactions,
};

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/dense.safetensors"
);

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

#[test]
fn agrees_with_dense_numpy() {
    let fixture = Tensor::read_safetensors(FIXTURE).unwrap();
    let tensor = |name: &str| find(&fixture, name).unwrap().shallow_clone();
    for (name, window, shift, power) in [
        ("plain", 2, 1.0, 0.5),
        ("shifted", 3, 1.3, 1.0),
        ("bare", 9, 1.0, 0.0),
    ] {
        let settings = Settings {
            window,
            shift,
            power,
            ..Settings::default()
        };
        let train = Interactions {
            offsets: tensor("offsets"),
            items: tensor("items"),
        };
        let learned = fit::<PpmiSvd>(settings, [4, 14], 0, &train);
        for (part, found) in [
            ("items", &learned.items),
            ("users", &learned.users.unwrap()),
        ] {
            assert_eq!(found.kind(), DType::Float);
            let expected = tensor(&format!("{name}.{part}"));
            let difference = largest_difference(&found.to_kind(DType::Double), &expected);
            assert!(difference < 1e-6, "{name}, {part}: {difference}");
        }
    }
}

/// The subspace is 24 of 400 columns here; with many rounds it holds the leading vectors exactly.
#[test]
fn few_rounds_come_close_to_many() {
    let train = grouped(300, 400);
    let products = |iterations| {
        let settings = Settings {
            iterations,
            power: 1.0,
            ..Settings::default()
        };
        let items = fit::<PpmiSvd>(settings, [8, 400], 1, &train).items;
        items.matmul(&items.tr())
    };
    let exact = products(100);
    let error = |found: Tensor| {
        ((found - &exact).square().sum(DType::Double) / exact.square().sum(DType::Double))
            .sqrt()
            .double_value(&[])
    };
    let errors = [0, 4, 100].map(|iterations| error(products(iterations)));
    assert!(errors[0] > errors[1] && errors[1] < 0.02, "{errors:?}");
}

#[test]
fn items_of_a_group_are_alike_in_a_large_catalogue() {
    let train = grouped(2_000, 20_000);
    let learned = fit::<PpmiSvd>(Settings::default(), [10, 20_000], 1, &train);
    let users = learned.users.unwrap();
    assert_eq!(
        (learned.items.size(), users.size()),
        (vec![20_000, 10], vec![2_000, 10])
    );
    let unit = &users / users.square().sum_dim_intlist(1, true, DType::Float).sqrt();
    let cosine = |a, b| unit.get(a).dot(&unit.get(b)).double_value(&[]);
    assert!(cosine(0, 10) > 0.9, "{}", cosine(0, 10));
    assert!(cosine(0, 11).abs() < 0.3, "{}", cosine(0, 11));
}

#[test]
fn a_seed_gives_the_same_vectors() {
    let train = grouped(200, 300);
    let items = |seed| fit::<PpmiSvd>(Settings::default(), [6, 300], seed, &train).items;
    assert_eq!(items(1), items(1));
    assert_ne!(items(1), items(2));
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    type Change = fn(&mut Settings);
    let refused = |change: Change, dim, what| refuses_settings::<PpmiSvd>(change, dim, what);
    refused(|_| (), 0, "from 1 to the size of the catalogue, 10");
    refused(|_| (), 11, "from 1 to the size of the catalogue, 10");
    refused(|s| s.window = 0, 4, "`window`");
    refused(|s| s.shift = 0.5, 4, "`shift`");
    refused(|s| s.shift = f64::NAN, 4, "`shift`");
    refused(|s| s.power = -1.0, 4, "`power`");
    assert!(serde_json::from_str::<Settings>(r#"{"windows": 2}"#).is_err());
}

#[test]
fn interactions_that_cannot_be_used_are_refused() {
    refuses_wrong_interactions::<PpmiSvd>();
    refuses::<PpmiSvd>(&interactions(&[0, 1, 2], &[0, 1]), "no two items");
    refuses::<PpmiSvd>(&interactions(&[0], &[]), "no two items");
}
