//! What Item2vec promises; `src/vectors.rs` compares its steps with PyTorch's.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use lapidary_item2vec::{Item2Vec, Settings};
use lapidary_sdk::prelude::*;
use lapidary_testkit::base_embedder::{
    cosines, fit, grouped, interactions, make, refuses, refuses_settings,
    refuses_wrong_interactions,
};

#[test]
fn items_that_stand_together_are_alike() {
    let train = grouped(600, 200);
    for window in [0, 3] {
        let settings = Settings {
            window,
            ..Settings::default()
        };
        let learned = fit::<Item2Vec>(settings, [16, 200], 1, &train);
        let [within, across] = cosines(&learned.items);
        assert!(within > 0.9 && across < 0.5, "{window}: {within} {across}");
        let users = learned.users.unwrap();
        let first = train.items.narrow(0, 0, 20);
        let mean = learned
            .items
            .index_select(0, &first)
            .mean_dim(0, false, DType::Float);
        assert!(users.get(0).allclose(&mean, 1e-4, 1e-5, false));
    }
}

#[test]
fn a_seed_gives_the_same_vectors() {
    let train = grouped(60, 50);
    let items = |seed| fit::<Item2Vec>(Settings::default(), [4, 50], seed, &train).items;
    assert_eq!(items(1), items(1));
    assert_ne!(items(1), items(2));
}

#[test]
fn items_that_stand_with_no_other_have_the_vector_zero() {
    let train = interactions(&[0, 3, 4, 4], &[0, 1, 2, 3]);
    let learned = fit::<Item2Vec>(Settings::default(), [3, 5], 1, &train);
    let length = |item| learned.items.get(item).norm().double_value(&[]);
    assert!((0..3).all(|item| length(item) > 0.0));
    assert_eq!([length(3), length(4)], [0.0, 0.0]);
    refuses::<Item2Vec>(&interactions(&[0, 1, 2], &[0, 1]), "no history has two");
    refuses::<Item2Vec>(&interactions(&[0], &[]), "no history has two");
}

#[test]
fn training_that_leaves_the_numbers_is_an_error() {
    let settings = Settings {
        learning_rate: 1e30,
        ..Settings::default()
    };
    let mut embedder: Item2Vec = make(settings, [4, 50], 0).unwrap();
    let error = embedder.fit(&grouped(60, 50)).unwrap_err();
    assert!(error.to_string().contains("`learning_rate`"), "{error}");
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    type Change = fn(&mut Settings);
    let refused = |change: Change, what: &str| refuses_settings::<Item2Vec>(change, 4, what);
    refuses_settings::<Item2Vec>(|_| (), 0, "`dim`");
    refused(|s| s.negatives = 0, "`negatives`");
    refused(|s| s.negatives_power = -0.5, "`negatives_power`");
    refused(|s| s.subsample = f64::NAN, "`subsample`");
    refused(|s| s.learning_rate = 0.0, "`learning_rate`");
    refused(|s| s.batch_size = 0, "`batch_size`");
    refused(|s| s.epochs = 0, "`epochs`");
    assert!(serde_json::from_str::<Settings>(r#"{"windows": 2}"#).is_err());
}

#[test]
fn interactions_that_cannot_be_used_are_refused() {
    refuses_wrong_interactions::<Item2Vec>();
}
