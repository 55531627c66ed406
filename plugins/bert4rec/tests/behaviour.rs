//! What the backbone promises, whatever its weights.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{context, largest_difference, mask, model};
use lapidary_bert4rec::{Bert4Rec, NormOrder, Settings};
use lapidary_sdk::prelude::*;
use lapidary_testkit::backbone::{self, DIM, MAX_LEN, input};

fn variants() -> [Settings; 3] {
    let with = |norm, head, heads| Settings {
        norm,
        head,
        heads,
        init_std: 0.3,
        ..Settings::default()
    };
    [
        with(NormOrder::Post, true, 3),
        with(NormOrder::Post, false, 1),
        with(NormOrder::Pre, true, 2),
    ]
}

#[test]
fn every_real_position_sees_every_other() {
    for settings in variants() {
        let model = model(settings, DIM, MAX_LEN);
        let mask = mask(&[4], MAX_LEN);
        for place in 0..4 {
            let before = input(1, MAX_LEN);
            let after = before.copy();
            let _ = after.narrow(1, place, 1).fill_(9.0);
            let [a, b] = [before, after].map(|x| model.forward(&x, &mask, false).unwrap());
            for other in 0..4 {
                let changed = largest_difference(&a.narrow(1, other, 1), &b.narrow(1, other, 1));
                assert!(changed > 1e-4, "{place} changes {other} by {changed}");
            }
        }
    }
}

/// Attention with dropout is composed of other operations than attention without; a probability so small drops nothing.
#[test]
fn both_ways_to_attend_agree() {
    for settings in variants() {
        let settings = Settings {
            dropout: 1e-9,
            ..settings
        };
        let model = model(settings, DIM, MAX_LEN);
        let (values, mask) = (input(3, MAX_LEN), mask(&[6, 2, 4], MAX_LEN));
        let real = mask.unsqueeze(2).to_kind(DType::Float);
        let run = |train| {
            let input = values.copy().set_requires_grad(true);
            let hidden = model.forward(&input, &mask, train).unwrap() * &real;
            (&hidden * &values).sum(DType::Float).backward();
            (hidden.detach(), input.grad())
        };
        let (composed, fused) = (run(true), run(false));
        assert!(largest_difference(&composed.0, &fused.0) < 1e-5);
        assert!(largest_difference(&composed.1, &fused.1) < 1e-4);
    }
}

#[test]
fn the_last_item_has_the_last_position() {
    let used = |length: i64| {
        let model = model(Settings::default(), DIM, MAX_LEN);
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
fn states_its_mask_probability() {
    let settings = Settings {
        mask_probability: 0.4,
        ..Settings::default()
    };
    let objective = model(settings, DIM, MAX_LEN).objective().unwrap();
    let expected = Objective::Cloze {
        mask_probability: 0.4,
    };
    assert_eq!(objective, expected);
}

#[test]
fn a_sequence_that_is_too_long_is_refused() {
    let model = model(Settings::default(), DIM, MAX_LEN);
    let found = model.forward(&input(1, 7), &mask(&[7], 7), false);
    let error = found.unwrap_err().to_string();
    assert!(error.contains("L at most 6"), "{error}");
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
        backbone::a_saved_state_gives_the_same_hidden_states::<Bert4Rec>(settings);
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
        let error = Bert4Rec::create(settings, context(64, 50)).err().unwrap();
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(&|s| s.layers = 0, "`layers`");
    refused(&|s| s.heads = 3, "64 must be a multiple of `heads`");
    refused(&|s| s.hidden_factor = 0, "`hidden_factor`");
    refused(&|s| s.dropout = f64::NAN, "`dropout`");
    refused(&|s| s.mask_probability = 0.0, "`mask_probability`");
    refused(&|s| s.mask_probability = 1.5, "`mask_probability`");
    refused(&|s| s.init_std = 0.0, "`init_std`");
    let unknown = serde_json::from_str::<Settings>(r#"{"layer": 2}"#).unwrap_err();
    assert!(unknown.to_string().contains("layer"));
}
