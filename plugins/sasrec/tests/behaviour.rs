//! What a causal backbone promises, whatever its weights.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{context, largest_difference, mask, model};
use lapidary_sasrec::{Activation, NormOrder, SasRec, Settings};
use lapidary_sdk::prelude::*;
use lapidary_testkit::backbone::{self, DIM, MAX_LEN, input};

fn settings() -> Settings {
    Settings {
        heads: 3,
        init_std: 0.3,
        ..Settings::default()
    }
}

fn variants() -> Vec<Settings> {
    let orders = [NormOrder::Pre, NormOrder::Post];
    let with = |norm| {
        [Activation::Relu, Activation::Gelu].map(|activation| Settings {
            norm,
            activation,
            hidden_factor: 4,
            final_norm: norm == NormOrder::Pre,
            ..settings()
        })
    };
    orders.into_iter().flat_map(with).collect()
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
fn padding_does_not_change_what_is_real() {
    backbone::padding_does_not_change_what_is_real(&model(settings(), DIM, MAX_LEN));
}

#[test]
fn the_last_item_has_the_last_position() {
    let used = |length: i64| {
        let model = model(settings(), DIM, MAX_LEN);
        let hidden = model.forward(&input(1, length), &mask(&[length], length), false);
        let target = Tensor::randn([1, length, DIM], (DType::Float, Device::Cpu));
        (hidden.unwrap() * target).sum(DType::Float).backward();
        let (name, table) = model.parameters().unwrap().remove(0);
        assert_eq!(name, "position.weight");
        let sums = table.grad().abs().sum_dim_intlist(1, false, DType::Float);
        Vec::<bool>::try_from(sums.gt(0.0)).unwrap()
    };
    assert_eq!(used(2), [false, false, false, false, true, true]);
    assert_eq!(used(6), [true; 6]);
}

#[test]
fn gradients_reach_every_parameter() {
    for settings in variants() {
        backbone::gradients_reach_every_parameter(&model(settings, DIM, MAX_LEN), [6, 6]);
    }
}

/// Attention with dropout is composed of other operations than attention without; a probability so small drops nothing.
#[test]
fn both_ways_to_attend_agree() {
    let settings = Settings {
        dropout: 1e-9,
        ..settings()
    };
    let model = model(settings, DIM, MAX_LEN);
    let (values, mask) = (input(3, MAX_LEN), mask(&[6, 6, 6], MAX_LEN));
    let run = |train| {
        let input = values.copy().set_requires_grad(true);
        let hidden = model.forward(&input, &mask, train).unwrap();
        (&hidden * &values).sum(DType::Float).backward();
        (hidden.detach(), input.grad())
    };
    let (composed, fused) = (run(true), run(false));
    assert!(largest_difference(&composed.0, &fused.0) < 1e-5);
    assert!(largest_difference(&composed.1, &fused.1) < 1e-4);
}

#[test]
fn a_saved_state_gives_the_same_hidden_states() {
    backbone::a_saved_state_gives_the_same_hidden_states::<SasRec>(settings());
}

#[test]
fn parameters_share_storage_with_the_model() {
    let model = model(settings(), DIM, MAX_LEN);
    let (input, mask) = (input(1, 2), mask(&[2], 2));
    let before = model.forward(&input, &mask, false).unwrap();
    tch::no_grad(|| {
        for (_, parameter) in model.parameters().unwrap() {
            let _ = parameter.shallow_clone().f_add_scalar_(0.1).unwrap();
        }
    });
    assert_ne!(before, model.forward(&input, &mask, false).unwrap());
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let refused = |change: &dyn Fn(&mut Settings), what: &str| {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = SasRec::create(settings, context(64, 50)).err().unwrap();
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(&|s| s.heads = 3, "64 must be a multiple of `heads`");
    refused(&|s| s.heads = 0, "`heads`");
    refused(&|s| s.layers = 0, "`layers`");
    refused(&|s| s.hidden_factor = 0, "`hidden_factor`");
    refused(&|s| s.dropout = 1.0, "`dropout`");
    refused(&|s| s.dropout = f64::NAN, "`dropout`");
    refused(&|s| s.init_std = 0.0, "`init_std`");
    let unknown = serde_json::from_str::<Settings>(r#"{"head": 2}"#).unwrap_err();
    assert!(unknown.to_string().contains("head"));
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let model = model(settings(), DIM, MAX_LEN);
    backbone::inputs_that_do_not_fit_are_refused(&model);
    let found = model.forward(&input(1, 7), &mask(&[7], 7), false);
    let error = found.unwrap_err().to_string();
    assert!(error.contains("L at most 6"), "{error}");
}
