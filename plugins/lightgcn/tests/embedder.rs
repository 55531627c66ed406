//! What LightGCN promises; `src/network.rs` compares its steps with PyTorch's.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use lapidary_lightgcn::{LightGcn, Settings};
use lapidary_sdk::prelude::*;
use lapidary_testkit::base_embedder::{
    GROUPS, cosines, fit, grouped, interactions, make, refuses, refuses_settings,
    refuses_wrong_interactions,
};

/// For a few thousand interactions.
fn quick() -> Settings {
    Settings {
        learning_rate: 0.03,
        batch_size: 512,
        ..Settings::default()
    }
}

#[test]
fn items_of_a_users_group_are_ranked_above_all_others() {
    let (n_users, n_items) = (300, 200);
    let train = grouped(n_users, n_items);
    let learned = fit::<LightGcn>(quick(), [16, n_items], 1, &train);
    let users = learned.users.unwrap();
    assert_eq!(users.size(), [n_users, 16]);
    let scores = users.matmul(&learned.items.tr());
    let (_, best) = scores.topk(10, 1, true, true);
    let group = best.floor_divide_scalar(n_items / GROUPS);
    let own = Tensor::arange(n_users, (DType::Int64, Device::Cpu)).remainder(GROUPS);
    let right = group.eq_tensor(&own.unsqueeze(1)).mean(DType::Double);
    assert!(
        right.double_value(&[]) > 0.95,
        "{}",
        right.double_value(&[])
    );
    let [within, across] = cosines(&learned.items);
    assert!(within > 0.5 && across < 0.2, "{within} {across}");
}

#[test]
fn a_seed_gives_the_same_vectors() {
    let train = grouped(60, 50);
    let items = |seed| fit::<LightGcn>(Settings::default(), [4, 50], seed, &train).items;
    assert_eq!(items(1), items(1));
    assert_ne!(items(1), items(2));
}

/// Without held-out interactions, training goes on for all epochs; with them it ends, and more epochs change nothing.
#[test]
fn training_ends_when_held_out_items_are_ranked_no_better() {
    let train = grouped(100, 50);
    let after = |epochs, validation| {
        let settings = Settings {
            epochs,
            validation,
            patience: 3,
            ..quick()
        };
        fit::<LightGcn>(settings, [4, 50], 1, &train).items
    };
    assert_eq!(after(150, 0.2), after(300, 0.2));
    assert_ne!(after(30, 0.0), after(31, 0.0));
}

/// The second user had every item, the third has no history: nothing can be ranked for one, nothing learned of the other.
#[test]
fn users_without_a_choice_are_left_out() {
    let train = interactions(&[0, 3, 8, 8, 10], &[0, 1, 0, 0, 1, 2, 3, 4, 2, 3]);
    let learned = fit::<LightGcn>(Settings::default(), [3, 5], 1, &train);
    let users = learned.users.unwrap();
    let length = |user| users.get(user).norm().double_value(&[]);
    assert!(length(0) > 0.0 && length(2) == 0.0 && length(3) > 0.0);
    let everything = interactions(&[0, 4], &[0, 1, 2, 3]);
    refuses::<LightGcn>(&everything, "no training interaction of a user who lacks");
    refuses::<LightGcn>(&interactions(&[0], &[]), "no training interaction");
}

#[test]
fn training_that_leaves_the_numbers_is_an_error() {
    let settings = Settings {
        learning_rate: 1e30,
        ..Settings::default()
    };
    let mut embedder: LightGcn = make(settings, [4, 50], 0).unwrap();
    let error = embedder.fit(&grouped(60, 50)).unwrap_err();
    assert!(error.to_string().contains("`learning_rate`"), "{error}");
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    type Change = fn(&mut Settings);
    let refused = |change: Change, what: &str| refuses_settings::<LightGcn>(change, 4, what);
    refuses_settings::<LightGcn>(|_| (), 0, "`dim`");
    refused(|s| s.layers = 0, "`layers`");
    refused(|s| s.learning_rate = 0.0, "`learning_rate`");
    refused(|s| s.regularisation = -1.0, "`regularisation`");
    refused(|s| s.batch_size = 0, "`batch_size`");
    refused(|s| s.epochs = 0, "`epochs`");
    refused(|s| s.validation = 1.0, "`validation`");
    refused(|s| s.patience = 0, "`patience`");
    refused(|s| s.init_std = 0.0, "`init_std`");
    assert!(serde_json::from_str::<Settings>(r#"{"epoch": 2}"#).is_err());
}

#[test]
fn interactions_that_cannot_be_used_are_refused() {
    refuses_wrong_interactions::<LightGcn>();
}
