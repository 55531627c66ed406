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

const DIM: i64 = 12;
const MAX_LEN: i64 = 6;

fn input(rows: i64, length: i64) -> Tensor {
    tch::manual_seed(11);
    Tensor::randn([rows, length, DIM], (DType::Float, Device::Cpu))
}

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
        let mut second = Bert4Rec::create(settings, context(DIM, MAX_LEN)).unwrap();
        let run = |m: &Bert4Rec| m.forward(&input, &mask, false).unwrap();
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
