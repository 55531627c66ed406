//! What the autoencoder promises; `src/network.rs` compares its training with PyTorch's.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{contract, largest_difference, make, noise};
use lapidary_reducers::{Autoencoder, AutoencoderSettings, Pca, PcaSettings};
use lapidary_sdk::prelude::*;

fn reduced(settings: AutoencoderSettings, seed: u64, table: &Tensor, dim: i64) -> Tensor {
    let mut autoencoder: Autoencoder = make(settings, seed);
    assert_eq!(autoencoder.fit(table, dim).unwrap(), None);
    autoencoder.transform(table).unwrap()
}

/// Share of the table's variance that no quadratic function of the code explains.
fn lost(table: &Tensor, code: &Tensor) -> f64 {
    let code = code - code.mean_dim(0, true, DType::Float);
    let ones = Tensor::ones([code.size()[0], 1], (DType::Float, Device::Cpu));
    let squares = (0..code.size()[1]).map(|i| &code * code.narrow(1, i, 1));
    let columns: Vec<Tensor> = [ones, code.copy()].into_iter().chain(squares).collect();
    let features = Tensor::cat(&columns, 1).to_kind(DType::Double);
    let table = table.to_kind(DType::Double);
    let rest = &table - features.matmul(&features.pinverse(1e-10)).matmul(&table);
    let centred = &table - table.mean_dim(0, true, DType::Double);
    (rest.square().sum(DType::Double) / centred.square().sum(DType::Double)).double_value(&[])
}

#[test]
fn a_table_of_low_rank_can_be_rebuilt() {
    let table = noise(400, 3).matmul(&noise(3, 12)) * 0.01 + 5.0;
    let settings = AutoencoderSettings {
        learning_rate: 0.01,
        epochs: 60,
        ..AutoencoderSettings::default()
    };
    let code = reduced(settings, 1, &table, 3);
    let lost = lost(&table, &code);
    assert!(lost < 0.02, "{lost}");
}

/// Rows on a curved line: one number tells where on it, which no single direction does.
#[test]
fn a_curve_needs_fewer_numbers_than_principal_components() {
    let along = Tensor::linspace(-1.5, 1.5, 400, (DType::Float, Device::Cpu)).unsqueeze(1);
    let table = Tensor::cat(&[along.copy(), along.square() * 2.0], 1);
    let settings = AutoencoderSettings {
        learning_rate: 0.01,
        hidden: 32,
        ..AutoencoderSettings::default()
    };
    let code = reduced(settings, 1, &table, 1);
    let mut pca: Pca = make(PcaSettings::default(), 0);
    pca.fit(&table, 1).unwrap();
    let straight = pca.transform(&table).unwrap();
    let (bent, straight) = (lost(&table, &code), lost(&table, &straight));
    assert!(bent < 0.1 && straight > 0.25, "{bent} {straight}");
}

#[test]
fn as_many_columns_as_the_table_has_lose_little() {
    let table = noise(300, 4);
    let settings = AutoencoderSettings {
        learning_rate: 0.01,
        validation: 0.0,
        epochs: 60,
        ..AutoencoderSettings::default()
    };
    let code = reduced(settings, 3, &table, 4);
    let lost = lost(&table, &code);
    assert!(lost < 0.05, "{lost}");
}

#[test]
fn scale_and_place_of_the_table_do_not_matter() {
    let table = noise(60, 5);
    let code = |table: &Tensor| reduced(AutoencoderSettings::default(), 2, table, 2);
    let difference = largest_difference(&code(&table), &code(&(&table * 64.0 + 16.0)));
    assert!(difference < 0.02, "{difference}");
}

#[test]
fn a_seed_gives_the_same_code_and_leaves_libtorch_alone() {
    let table = noise(40, 5);
    let code = |seed| reduced(AutoencoderSettings::default(), seed, &table, 2);
    assert_eq!(code(1), code(1));
    assert_ne!(code(1), code(2));
    // Also where the host computes without gradients.
    assert_eq!(tch::no_grad(|| code(1)), code(1));
}

/// 10 rows of noise cannot teach about an eleventh: with patience training ends before it knows them by heart.
#[test]
fn training_ends_when_held_out_rows_are_rebuilt_no_better() {
    let table = noise(11, 8);
    let after = |epochs, patience| {
        let settings = AutoencoderSettings {
            learning_rate: 0.01,
            epochs,
            patience,
            ..AutoencoderSettings::default()
        };
        reduced(settings, 5, &table, 2)
    };
    assert_eq!(after(100, 3), after(400, 3));
    assert_ne!(after(1, 3), after(100, 3));
}

#[test]
fn equal_rows_two_rows_and_a_constant_column_have_a_code() {
    let equal = noise(1, 4).repeat([5, 1]);
    let code = reduced(AutoencoderSettings::default(), 1, &equal, 2);
    assert_eq!(
        largest_difference(&code, &code.narrow(0, 0, 1).repeat([5, 1])),
        0.0
    );
    let table = noise(2, 3);
    let _ = table.narrow(1, 1, 1).fill_(2.0);
    let code = reduced(AutoencoderSettings::default(), 1, &table, 3);
    assert!(bool::try_from(code.isfinite().all()).unwrap());
    let mut autoencoder: Autoencoder = make(AutoencoderSettings::default(), 1);
    let error = autoencoder.fit(&table.narrow(0, 0, 1), 2).unwrap_err();
    assert!(error.to_string().contains("at least 2 rows"), "{error}");
}

#[test]
fn training_that_leaves_the_numbers_is_an_error() {
    let settings = AutoencoderSettings {
        learning_rate: 1e30,
        ..AutoencoderSettings::default()
    };
    let mut autoencoder: Autoencoder = make(settings, 1);
    let error = autoencoder.fit(&noise(30, 4), 2).unwrap_err();
    assert!(error.to_string().contains("`learning_rate`"), "{error}");
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    type Change = fn(&mut AutoencoderSettings);
    let cases: [(&str, Change); 8] = [
        ("`hidden`", |s| s.hidden = 0),
        ("`learning_rate`", |s| s.learning_rate = 0.0),
        ("`learning_rate`", |s| s.learning_rate = f64::NAN),
        ("`batch_size`", |s| s.batch_size = 0),
        ("`epochs`", |s| s.epochs = 0),
        ("`validation`", |s| s.validation = 1.0),
        ("`validation`", |s| s.validation = -0.1),
        ("`patience`", |s| s.patience = 0),
    ];
    for (what, change) in cases {
        let mut settings = AutoencoderSettings::default();
        change(&mut settings);
        let made = Autoencoder::create(settings, ReducerContext { seed: 0 });
        let error = made.err().unwrap();
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn keeps_the_contract() {
    contract::<Autoencoder>();
}
