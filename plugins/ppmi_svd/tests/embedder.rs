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

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/dense.safetensors"
);

fn embedder(settings: Settings, dim: i64, n_items: i64, seed: u64) -> Result<PpmiSvd> {
    let device = "cpu".to_owned();
    let context = BaseEmbedderContext {
        dim,
        n_items,
        seed,
        device,
    };
    PpmiSvd::create(settings, context)
}

fn interactions(offsets: &[i64], items: &[i64]) -> Interactions {
    Interactions {
        offsets: Tensor::from_slice(offsets),
        items: Tensor::from_slice(items),
    }
}

/// `rows` histories of 20 items, each from one of ten groups of neighbouring item numbers.
fn grouped(rows: i64, n_items: i64) -> Interactions {
    let size = n_items / 10;
    let mut state = 1_u64;
    let mut next = |below: i64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as i64 % below
    };
    let items: Vec<_> = (0..rows)
        .flat_map(|row| {
            (0..20)
                .map(|_| row % 10 * size + next(size))
                .collect::<Vec<_>>()
        })
        .collect();
    let offsets: Vec<_> = (0..=rows).map(|row| row * 20).collect();
    interactions(&offsets, &items)
}

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
        let learned = embedder(settings, 4, 14, 0).unwrap().fit(&train).unwrap();
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
    let fit = |iterations| {
        let settings = Settings {
            iterations,
            power: 1.0,
            ..Settings::default()
        };
        let learned = embedder(settings, 8, 400, 1).unwrap().fit(&train).unwrap();
        let items = learned.items;
        items.matmul(&items.tr())
    };
    let exact = fit(100);
    let error = |found: Tensor| {
        ((found - &exact).square().sum(DType::Double) / exact.square().sum(DType::Double))
            .sqrt()
            .double_value(&[])
    };
    let errors = [0, 4, 100].map(|iterations| error(fit(iterations)));
    assert!(errors[0] > errors[1] && errors[1] < 0.02, "{errors:?}");
}

#[test]
fn items_of_a_group_are_alike_in_a_large_catalogue() {
    let learned = embedder(Settings::default(), 10, 20_000, 1)
        .unwrap()
        .fit(&grouped(2_000, 20_000))
        .unwrap();
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
    let fit = |seed| {
        let mut embedder = embedder(Settings::default(), 6, 300, seed).unwrap();
        embedder.fit(&train).unwrap().items
    };
    assert_eq!(fit(1), fit(1));
    assert_ne!(fit(1), fit(2));
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let refused = |change: &dyn Fn(&mut Settings), dim, what: &str| {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = embedder(settings, dim, 10, 0).err().unwrap();
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(&|_| (), 0, "from 1 to the size of the catalogue, 10");
    refused(&|_| (), 11, "from 1 to the size of the catalogue, 10");
    refused(&|s| s.window = 0, 4, "`window`");
    refused(&|s| s.shift = 0.5, 4, "`shift`");
    refused(&|s| s.shift = f64::NAN, 4, "`shift`");
    refused(&|s| s.power = -1.0, 4, "`power`");
    assert!(serde_json::from_str::<Settings>(r#"{"windows": 2}"#).is_err());
}

#[test]
fn interactions_that_cannot_be_used_are_refused() {
    let refused = |train: &Interactions, what: &str| {
        let error = embedder(Settings::default(), 2, 4, 0)
            .unwrap()
            .fit(train)
            .unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(
        &interactions(&[0, 2], &[0, 4]),
        "item number 4 is not in 0..4",
    );
    refused(&interactions(&[0, 2], &[-1, 0]), "item number -1");
    for offsets in [&[0, 3][..], &[1, 2], &[0, 2, 1, 2], &[]] {
        refused(&interactions(offsets, &[0, 1]), "`offsets` must rise");
    }
    refused(&interactions(&[0, 1, 2], &[0, 1]), "no two items");
    refused(&interactions(&[0], &[]), "no two items");
    let floats = Interactions {
        offsets: Tensor::from_slice(&[0_i64, 1]),
        items: Tensor::from_slice(&[0.0_f32]),
    };
    refused(&floats, "`items` must be i64");
}
