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

const DIM: i64 = 12;
const MAX_LEN: i64 = 6;

fn input(rows: i64, length: i64) -> Tensor {
    tch::manual_seed(11);
    Tensor::randn([rows, length, DIM], (DType::Float, Device::Cpu))
}

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
        let model = model(settings, DIM, MAX_LEN);
        let short = input(1, 3);
        let alone = model.forward(&short, &mask(&[3], 3), false).unwrap();
        let padded = Tensor::cat(&[&short, &input(1, 3).fill_(1e6)], 1);
        let padded = model.forward(&padded, &mask(&[3], 6), false).unwrap();
        assert!(largest_difference(&alone, &padded.narrow(1, 0, 3)) < 1e-6);
    }
}

#[test]
fn gradients_reach_every_parameter() {
    for settings in variants() {
        let model = model(settings, DIM, MAX_LEN);
        let input = input(2, MAX_LEN).set_requires_grad(true);
        let hidden = model.forward(&input, &mask(&[6, 4], MAX_LEN), true);
        let target = Tensor::randn([2, MAX_LEN, DIM], (DType::Float, Device::Cpu));
        (hidden.unwrap() * target).sum(DType::Float).backward();
        assert!(input.grad().abs().max().double_value(&[]) > 0.0);
        for (name, parameter) in model.parameters().unwrap() {
            assert!(parameter.grad().defined(), "{name}");
            let largest = parameter.grad().abs().max().double_value(&[]);
            assert!(largest > 0.0, "{name}");
        }
    }
}

#[test]
fn a_saved_state_gives_the_same_hidden_states() {
    let (input, mask) = (input(2, MAX_LEN), mask(&[6, 2], MAX_LEN));
    for settings in variants() {
        let first = model(settings.clone(), DIM, MAX_LEN);
        tch::manual_seed(99);
        let mut second = Gru4Rec::create(settings, context(DIM, MAX_LEN)).unwrap();
        let run = |m: &Gru4Rec| m.forward(&input, &mask, false).unwrap();
        assert_ne!(run(&first), run(&second));
        second.load(&first.save().unwrap()).unwrap();
        assert_eq!(run(&first), run(&second));
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let model = model(Settings::default(), DIM, MAX_LEN);
    let refused = |input: &Tensor, mask: &Tensor, what: &str| {
        let error = model.forward(input, mask, false).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    let right = input(1, 2);
    refused(&right.narrow(2, 0, 5), &mask(&[2], 2), "[B,L,12]");
    refused(&right.get(0), &mask(&[2], 2), "[B,L,12]");
    refused(&right, &mask(&[2], 3), "`mask`");
    refused(&right, &mask(&[2], 2).to_kind(DType::Float), "bool");
    refused(&right.to_kind(DType::Double), &mask(&[2], 2), "f32");
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
