//! A small backbone and small splits, for unit and integration tests.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use lapidary_sdk::component::{State, Stateful};
use lapidary_sdk::kinds::{Backbone, Objective};
use lapidary_sdk::{Error, Result};
use tch::{Device, Kind, Tensor};

use lapidary_core::data::{Case, Sequences, Split, SplitReport};
use lapidary_core::fingerprint::Builder;
use lapidary_core::refine::{Embedding, Guided, Scoring, UserGuidance};

/// libtorch's generator is one for the process: tests that need its numbers take turns.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A linear map of each position and of the mean of the row so far, with dropout.
pub struct Linear {
    pub objective: Objective,
    pub dropout: f64,
    own: Tensor,
    past: Tensor,
}

impl Linear {
    pub fn new(dim: i64, dropout: f64) -> Self {
        tch::manual_seed(3);
        let weight = || {
            let values = Tensor::randn([dim, dim], (Kind::Float, Device::Cpu)) * 0.1;
            (values + Tensor::eye(dim, (Kind::Float, Device::Cpu))).set_requires_grad(true)
        };
        Self {
            objective: Objective::NextItem,
            dropout,
            own: weight(),
            past: weight(),
        }
    }

    pub fn boxed(dim: i64) -> Box<dyn Backbone> {
        Box::new(Self::new(dim, 0.0))
    }
}

impl Stateful for Linear {
    fn save(&self) -> Result<State> {
        Ok(State {
            json: serde_json::json!({ "dropout": self.dropout }),
            ..State::default()
        })
    }

    fn load(&mut self, _: &State) -> Result<()> {
        Err(Error::invalid("keeps no state"))
    }
}

impl Backbone for Linear {
    fn objective(&self) -> Result<Objective> {
        Ok(self.objective)
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(vec![
            ("own".to_owned(), self.own.shallow_clone()),
            ("past".to_owned(), self.past.shallow_clone()),
        ])
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let counted = mask.to_kind(Kind::Float).unsqueeze(2);
        let sum = match self.objective {
            Objective::NextItem => (input * &counted).cumsum(1, None) / counted.cumsum(1, None),
            // A cloze model sees both sides.
            _ => (input * &counted)
                .sum_dim_intlist(1, true, None)
                .expand_as(input)
                .shallow_clone(),
        };
        let hidden = input.matmul(&self.own) + sum.matmul(&self.past);
        Ok(hidden.dropout(self.dropout, train))
    }
}

fn split(sequences: &[Vec<u32>], n_items: usize, max_len: usize) -> Split {
    let mut all = Sequences {
        offsets: vec![0],
        items: Vec::new(),
    };
    for sequence in sequences {
        all.items.extend(sequence);
        all.offsets.push(all.items.len() as u64);
    }
    let bytes: Vec<u8> = all.items.iter().flat_map(|i| i.to_le_bytes()).collect();
    Split {
        fingerprint: Builder::new("test").bytes("items", &bytes).finish(),
        n_items,
        sequences: all,
        train_len: sequences.iter().map(|s| s.len() as u32).collect(),
        valid: Vec::new(),
        test: Vec::new(),
        max_len,
        report: SplitReport::default(),
        cold: None,
    }
}

/// All of every sequence trains.
pub fn train_only(sequences: &[Vec<u32>], n_items: usize, max_len: usize) -> Split {
    split(sequences, n_items, max_len)
}

/// The last item of each sequence tests, the one before it validates.
pub fn leave_one_out(sequences: &[Vec<u32>], n_items: usize, max_len: usize) -> Split {
    let mut split = split(sequences, n_items, max_len);
    for (user, sequence) in sequences.iter().enumerate() {
        let length = sequence.len() as u32;
        split.train_len[user] = length - 2;
        let case = |end| Case {
            user: user as u32,
            end,
        };
        split.valid.push(case(length - 2));
        split.test.push(case(length - 1));
    }
    split
}

/// Each user goes round a circle of items from a place of its own.
pub fn circles(users: usize, n_items: usize, length: usize) -> Vec<Vec<u32>> {
    let item = |user: usize, step: usize| ((user * 7 + step) % n_items) as u32;
    (0..users)
        .map(|user| {
            (0..length + user % 5)
                .map(|step| item(user, step))
                .collect()
        })
        .collect()
}

/// An embedding of `m` guided and `k` free columns.
pub fn embedding(n_items: i64, m: i64, k: i64, users: impl FnOnce() -> UserGuidance) -> Embedding {
    tch::manual_seed(11);
    let normal = |columns: i64| Tensor::randn([n_items, columns], (Kind::Float, Device::Cpu)) * 0.3;
    Embedding {
        guided: (m > 0).then(|| Guided {
            attributes: (0..m).map(|a| format!("a{a}")).collect(),
            items: normal(m),
            items_trainable: false,
            users: users(),
        }),
        free: normal(k),
        free_trainable: true,
        tied: true,
        scoring: Scoring::default(),
    }
}

/// A base embedding.
pub fn base(n_items: i64, dim: i64) -> Embedding {
    embedding(n_items, 0, dim, || UserGuidance::Hidden)
}
