//! Hidden states against those of an independent PyTorch run (`fixtures/make_reference.py`).
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{largest_difference, mask, model};
use lapidary_sasrec::{NormOrder, Settings, reference};
use lapidary_sdk::prelude::*;

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/reference.safetensors"
);
const DIM: i64 = 16;
const MAX_LEN: i64 = 8;

struct Fixture(Vec<(String, Tensor)>);

impl Fixture {
    fn read() -> Self {
        Self(Tensor::read_safetensors(FIXTURE).unwrap())
    }

    fn tensor(&self, name: &str) -> &Tensor {
        lapidary_sdk::component::find(&self.0, name).unwrap()
    }

    fn weights(&self, order: &str) -> Vec<(String, Tensor)> {
        let prefix = format!("{order}.weights.");
        let ours = self.0.iter();
        ours.filter_map(|(n, t)| Some((n.strip_prefix(&prefix)?.to_owned(), t.shallow_clone())))
            .collect()
    }

    /// The sequences without their padding on the left.
    fn rows(&self) -> Vec<Vec<i64>> {
        let padded = Vec::<Vec<i64>>::try_from(self.tensor("sequences")).unwrap();
        let real = |row: Vec<i64>| row.into_iter().filter(|&item| item != 0).collect();
        padded.into_iter().map(real).collect()
    }
}

fn settings(norm: NormOrder) -> Settings {
    Settings {
        heads: 2,
        norm,
        ..Settings::default()
    }
}

/// The rows' items, embedded and padded on the right.
fn embedded(rows: &[Vec<i64>], table: &Tensor) -> Tensor {
    let padded: Vec<_> = rows
        .iter()
        .map(|row| {
            let items = table.index_select(0, &Tensor::from_slice(row));
            items.constant_pad_nd([0, 0, 0, MAX_LEN - row.len() as i64])
        })
        .collect();
    Tensor::stack(&padded, 0)
}

fn compare(order: &str, norm: NormOrder) {
    let fixture = Fixture::read();
    let weights = fixture.weights(order);
    let mut model = model(settings(norm), DIM, MAX_LEN);
    model
        .load(&reference::import(&weights, MAX_LEN).unwrap())
        .unwrap();

    let rows = fixture.rows();
    let lengths: Vec<_> = rows.iter().map(|row| row.len() as i64).collect();
    let table = fixture.tensor(&format!("{order}.weights.item_emb.weight"));
    let input = embedded(&rows, table);
    let hidden = model
        .forward(&input, &mask(&lengths, MAX_LEN), false)
        .unwrap();

    let expected = fixture.tensor(&format!("{order}.hidden"));
    for (row, &length) in lengths.iter().enumerate() {
        let ours = hidden.get(row as i64).narrow(0, 0, length);
        let theirs = expected.get(row as i64).narrow(0, MAX_LEN - length, length);
        let difference = largest_difference(&ours, &theirs);
        assert!(difference < 1e-5, "row {row}: {difference}");
    }
}

#[test]
fn pre_norm_agrees_with_pytorch() {
    compare("pre", NormOrder::Pre);
}

#[test]
fn post_norm_agrees_with_pytorch() {
    compare("post", NormOrder::Post);
}

#[test]
fn table_of_positions_may_lack_the_row_for_padding() {
    let fixture = Fixture::read();
    let mut weights = fixture.weights("pre");
    let with_padding = reference::import(&weights, MAX_LEN).unwrap();
    let (_, table) = weights
        .iter_mut()
        .find(|(n, _)| n == "pos_emb.weight")
        .unwrap();
    *table = table.narrow(0, 1, MAX_LEN);
    let without = reference::import(&weights, MAX_LEN).unwrap();
    let name = "position.weight";
    assert_eq!(
        with_padding.tensor(name).unwrap(),
        without.tensor(name).unwrap()
    );
}

#[test]
fn what_does_not_belong_to_the_layout_is_refused() {
    let import = |name: &str, rows| {
        let tensor = Tensor::zeros([rows, DIM], (DType::Float, Device::Cpu));
        let found = reference::import(&[(name.to_owned(), tensor)], MAX_LEN);
        found.unwrap_err().to_string()
    };
    assert!(import("pos_emb.weight", 50).contains("must have 8 or 9 rows"));
    for name in [
        "extra",
        "attention_layers.x.in_proj_weight",
        "forward_layers.0.conv3.weight",
    ] {
        assert!(import(name, 1).contains(name));
    }
}

#[test]
fn an_incomplete_state_is_refused_and_changes_nothing() {
    let fixture = Fixture::read();
    let mut weights = fixture.weights("pre");
    weights.retain(|(name, _)| name != "attention_layers.1.in_proj_bias");
    let mut model = model(settings(NormOrder::Pre), DIM, MAX_LEN);
    let before: Vec<_> = parameters(&model);
    let state = reference::import(&weights, MAX_LEN).unwrap();
    let error = model.load(&state).unwrap_err().to_string();
    assert!(error.contains("layers.1.attention.in_proj.bias"), "{error}");
    assert_eq!(before, parameters(&model));
}

fn parameters(model: &impl Backbone) -> Vec<Tensor> {
    let named = model.parameters().unwrap();
    named.into_iter().map(|(_, t)| t.copy().detach()).collect()
}
