//! What the backbone promises, whatever its weights.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{context, largest_difference, mask, model};
use lapidary_gru4rec::{Gru4Rec, Settings};
use lapidary_sdk::prelude::*;
use lapidary_testkit::backbone::{self, DIM, MAX_LEN, input};

fn variants() -> [Settings; 3] {
    let with = |layers, hidden, init_std| Settings {
        layers,
        hidden,
        init_std,
        ..Settings::default()
    };
    [
        with(1, None, None),
        with(2, Some(20), None),
        with(2, Some(5), Some(0.3)),
    ]
}

#[test]
fn the_future_does_not_change_the_past() {
    for settings in variants() {
        let model = model(settings, DIM, MAX_LEN);
        let mask = mask(&[6, 6], MAX_LEN);
        let before = input(2, MAX_LEN);
        let after = before.copy();
        let _ = after.narrow(1, 4, 2).fill_(9.0);
        let [a, b] = [before, after].map(|x| model.forward(&x, &mask, false).unwrap());
        assert_eq!(a.narrow(1, 0, 4), b.narrow(1, 0, 4));
        assert!(largest_difference(&a.narrow(1, 4, 2), &b.narrow(1, 4, 2)) > 1e-3);
    }
}

#[test]
fn a_state_remembers_the_first_item() {
    let model = model(Settings::default(), DIM, MAX_LEN);
    let mask = mask(&[6], MAX_LEN);
    let before = input(1, MAX_LEN);
    let after = before.copy();
    let _ = after.narrow(1, 0, 1).fill_(9.0);
    let [a, b] = [before, after].map(|x| model.forward(&x, &mask, false).unwrap());
    assert!(largest_difference(&a.narrow(1, 5, 1), &b.narrow(1, 5, 1)) > 1e-4);
}

#[test]
fn each_dropout_drops() {
    let of = |dropout_embedding, dropout_hidden| {
        let settings = Settings {
            dropout_embedding,
            dropout_hidden,
            ..Settings::default()
        };
        let model = model(settings, DIM, MAX_LEN);
        let hidden = model.forward(&input(8, MAX_LEN), &mask(&[6; 8], MAX_LEN), true);
        let zeros = hidden.unwrap().eq(0.0).to_kind(DType::Double);
        zeros.mean(DType::Double).double_value(&[])
    };
    assert_eq!(of(0.0, 0.0), 0.0);
    assert_eq!(of(0.5, 0.0), 0.0);
    let share = of(0.0, 0.5);
    assert!((share - 0.5).abs() < 0.1, "{share}");
    let hidden = |dropout_embedding| {
        let settings = Settings {
            dropout_embedding,
            dropout_hidden: 0.0,
            ..Settings::default()
        };
        let model = model(settings, DIM, MAX_LEN);
        model.forward(&input(1, 2), &mask(&[2], 2), true).unwrap()
    };
    assert_ne!(hidden(0.0), hidden(0.5));
}

#[test]
fn padding_does_not_change_what_is_real() {
    for settings in variants() {
        backbone::padding_does_not_change_what_is_real(&model(settings, DIM, MAX_LEN));
    }
}

#[test]
fn gradients_reach_every_parameter() {
    for settings in variants() {
        backbone::gradients_reach_every_parameter(&model(settings, DIM, MAX_LEN), [6, 4]);
    }
}

#[test]
fn a_saved_state_gives_the_same_hidden_states() {
    for settings in variants() {
        backbone::a_saved_state_gives_the_same_hidden_states::<Gru4Rec>(settings);
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let model = model(Settings::default(), DIM, MAX_LEN);
    backbone::inputs_that_do_not_fit_are_refused(&model);
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let refused = |change: &dyn Fn(&mut Settings), what: &str| {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = Gru4Rec::create(settings, context(64, 50)).err().unwrap();
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(&|s| s.layers = 0, "`layers`");
    refused(&|s| s.hidden = Some(0), "`hidden`");
    refused(&|s| s.dropout_embedding = 1.0, "`dropout_embedding`");
    refused(&|s| s.dropout_hidden = f64::NAN, "`dropout_hidden`");
    refused(&|s| s.init_std = Some(0.0), "`init_std`");
    let unknown = serde_json::from_str::<Settings>(r#"{"layer": 2}"#).unwrap_err();
    assert!(unknown.to_string().contains("layer"));
}
