//! The honest floors: every user gets the most popular items, or any.

use tch::{Device, Kind, Tensor};

use super::scorer::{Query, Scorer};
use crate::data::Split;
use crate::error::Result;

/// Scores an item by how often the training part holds it, the same for all users.
#[derive(Debug)]
pub struct Popularity {
    counts: Tensor,
}

impl Popularity {
    /// Counts the items of the training part.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(split: &Split) -> Result<Self> {
        let counts: Vec<f32> = counts(split).iter().map(|&c| c as f32).collect();
        Ok(Self {
            counts: Tensor::f_from_slice(&counts)?,
        })
    }
}

/// How often the training part holds each item.
pub(super) fn counts(split: &Split) -> Vec<u64> {
    let mut counts = vec![0; split.n_items];
    for user in 0..split.sequences.users() {
        for &item in split.train(user) {
            counts[item as usize] += 1;
        }
    }
    counts
}

impl Scorer for Popularity {
    fn n_items(&self) -> i64 {
        self.counts.numel() as i64
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let size = [queries.len() as i64, self.n_items()];
        let scores = Tensor::f_empty(size, (Kind::Float, self.counts.device()))?;
        Ok(scores
            .shallow_clone()
            .f_copy_(&self.counts)
            .map(|()| scores)?)
    }
}

/// Scores all items alike: since ties are broken by chance, it gets exactly what chance gets.
#[derive(Clone, Copy, Debug)]
pub struct Chance(
    /// Size of the catalogue, V.
    pub usize,
);

impl Scorer for Chance {
    fn n_items(&self) -> i64 {
        self.0 as i64
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let size = [queries.len() as i64, self.n_items()];
        Ok(Tensor::f_zeros(size, (Kind::Float, Device::Cpu))?)
    }
}
