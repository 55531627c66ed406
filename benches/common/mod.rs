//! A synthetic data set with the shape of ml-1m, made smaller, and a SASRec on it. CPU, f32.

use lapidary_core::data::{Case, Sequences, Split, SplitReport};
use lapidary_core::fingerprint::Builder;
use lapidary_core::train::{Model, identifier_embedding, seed_weights};
use lapidary_sasrec::{SasRec, Settings};
use lapidary_sdk::Component;
use lapidary_sdk::kinds::BackboneContext;
use tch::Device;

/// Users of the set.
pub const USERS: usize = 1024;
/// Size of the catalogue.
pub const ITEMS: usize = 3416;
const MAX_LEN: usize = 50;
const DIM: i64 = 64;

/// Leave-one-out over sequences of 18 to some 300 items, half of them longer than 90.
pub fn split() -> Split {
    let mut state = 1u64;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    let mut sequences = Sequences {
        offsets: vec![0],
        items: Vec::new(),
    };
    let (mut train_len, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for user in 0..USERS as u32 {
        let length = 18 + draw(75) + draw(4) * draw(70);
        // A product of draws makes some items far more popular than others.
        let items = (0..length).map(|_| (draw(ITEMS) * (1 + draw(100)) / 100) as u32);
        sequences.items.extend(items);
        sequences.offsets.push(sequences.items.len() as u64);
        let end = length as u32;
        train_len.push(end - 2);
        valid.push(Case { user, end: end - 2 });
        test.push(Case { user, end: end - 1 });
    }
    Split {
        fingerprint: Builder::new("bench").finish(),
        n_items: ITEMS,
        sequences,
        train_len,
        valid,
        test,
        max_len: MAX_LEN,
        report: SplitReport::default(),
        cold: None,
    }
}

/// SASRec: 2 layers, 2 heads, width 64, dropout 0.2.
pub fn model() -> Model {
    seed_weights(1);
    let settings = Settings {
        heads: 2,
        ..Settings::default()
    };
    let context = BackboneContext {
        dim: DIM,
        max_len: MAX_LEN as i64,
        device: "cpu".to_owned(),
    };
    let backbone = SasRec::create(settings, context).expect("SASRec");
    let embedding = identifier_embedding(ITEMS, DIM, 1).expect("embedding");
    Model::new(&embedding, Box::new(backbone), MAX_LEN, Device::Cpu).expect("model")
}
