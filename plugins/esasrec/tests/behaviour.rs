//! What the backbone promises, whatever its weights.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use lapidary_esasrec::{ESasRec, Settings};
use lapidary_sdk::prelude::*;
use lapidary_testkit::backbone::{
    self, DIM, MAX_LEN, context, input, largest_difference, mask, model,
};

fn settings() -> Settings {
    Settings {
        heads: 3,
        init_std: 0.3,
        ..Settings::default()
    }
}

fn small() -> ESasRec {
    model(settings(), DIM, MAX_LEN)
}

#[test]
fn the_future_does_not_change_the_past() {
    let (before, model) = (input(1, MAX_LEN), small());
    let after = before.copy();
    let _ = after.narrow(1, 3, 1).fill_(9.0);
    let mask = mask(&[MAX_LEN], MAX_LEN);
    let [a, b] = [before, after].map(|x| model.forward(&x, &mask, false).unwrap());
    assert!(largest_difference(&a.narrow(1, 0, 3), &b.narrow(1, 0, 3)) < 1e-6);
    for later in 3..MAX_LEN {
        assert!(largest_difference(&a.narrow(1, later, 1), &b.narrow(1, later, 1)) > 1e-4);
    }
}

#[test]
fn padding_does_not_change_what_is_real() {
    backbone::padding_does_not_change_what_is_real(&small());
}

#[test]
fn gradients_reach_every_parameter() {
    backbone::gradients_reach_every_parameter(&small(), [6, 4]);
}

#[test]
fn a_saved_state_gives_the_same_hidden_states() {
    backbone::a_saved_state_gives_the_same_hidden_states::<ESasRec>(settings());
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    backbone::inputs_that_do_not_fit_are_refused(&small());
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let refused = |change: &dyn Fn(&mut Settings), what: &str| {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = ESasRec::create(settings, context(64, 50)).err().unwrap();
        assert!(error.to_string().contains(what), "{error}");
    };
    refused(&|s| s.layers = 0, "`layers`");
    refused(&|s| s.heads = 3, "64 must be a multiple of `heads`");
    refused(&|s| s.hidden_factor = 0, "`hidden_factor`");
    refused(&|s| s.dropout = 1.0, "`dropout`");
    refused(&|s| s.init_std = -1.0, "`init_std`");
}
