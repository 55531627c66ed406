//! Lists of the best items.

use tch::{Kind, Tensor};

use super::seen::Seen;
use super::ties;
use crate::data::{Case, Split};
use crate::error::Result;

/// The best items of each case, best first; ties are broken by chance, with the case as seed. A list is shorter than k
/// where fewer items may be recommended.
#[derive(Clone, Debug, Default)]
pub struct TopLists {
    /// Longest list, k.
    pub k: usize,
    /// Where each case's list begins; one more at the end.
    pub offsets: Vec<usize>,
    /// Items, list after list.
    pub items: Vec<u32>,
    /// Their scores.
    pub scores: Vec<f32>,
}

impl TopLists {
    /// The list of a case: items and their scores.
    pub fn of(&self, case: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[case]..self.offsets[case + 1];
        (&self.items[range.clone()], &self.scores[range])
    }

    /// Number of lists.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is no list.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The best k items of each case of a block that its user does not have, best first; ties are broken by chance, with the
/// case as seed. Where fewer may be recommended, the last score `-inf`. Overwrites `scores`.
///
/// # Shapes
/// `scores` f32 `[B,V]`, contiguous, for the B `cases`; k from 1 to V. Scores f32 `[B,k]` and items i64 `[B,k]`.
pub(crate) fn best_unseen(
    scores: &Tensor,
    split: &Split,
    cases: &[Case],
    k: usize,
) -> Result<(Tensor, Tensor)> {
    let pairs = cases.iter().map(|&c| (split.history(c), split.target(c)));
    let seen = Seen::new(pairs, scores.size()[1], scores.device())?;
    let _ = scores
        .f_view([-1i64])?
        .f_index_fill_(0, &seen.places, f64::NEG_INFINITY)?;
    ties::top(scores, k, cases)
}

/// Collects the best of each block, in tensors for all cases: small ones kept from each block would break up the memory
/// that the next block's scores need.
pub(super) struct Collector {
    k: usize,
    cases: usize,
    done: i64,
    /// Scores f32 `[N,k]` and items i64 `[N,k]`, once there is a block.
    best: Option<(Tensor, Tensor)>,
}

impl Collector {
    /// For the best `k` of each of `cases`.
    pub fn new(k: usize, cases: usize) -> Self {
        Self {
            k,
            cases,
            done: 0,
            best: None,
        }
    }

    /// Takes the best of the scores `[B,V]` of a block of cases.
    pub fn add(&mut self, scores: &Tensor, cases: &[Case]) -> Result<()> {
        if self.k == 0 {
            return Ok(());
        }
        let found = ties::top(scores, self.k, cases)?;
        let all = match self.best.take() {
            Some(all) => all,
            None => {
                let size = [self.cases as i64, self.k as i64];
                let of = |kind| Tensor::f_empty(size, (kind, scores.device()));
                (of(Kind::Float)?, of(Kind::Int64)?)
            }
        };
        let rows = cases.len() as i64;
        all.0.f_narrow(0, self.done, rows)?.f_copy_(&found.0)?;
        all.1.f_narrow(0, self.done, rows)?.f_copy_(&found.1)?;
        self.done += rows;
        self.best = Some(all);
        Ok(())
    }

    /// Reads the lists; row n of the blocks belongs to case `order[n]`.
    pub fn finish(self, order: &[usize]) -> Result<TopLists> {
        let mut lists = TopLists {
            k: self.k,
            offsets: vec![0],
            ..TopLists::default()
        };
        let Some((scores, items)) = self.best else {
            lists.offsets = vec![0; order.len() + 1];
            return Ok(lists);
        };
        let scores = Vec::<f32>::try_from(&scores.f_view([-1i64])?)?;
        let items = Vec::<i64>::try_from(&items.f_view([-1i64])?)?;
        let mut row_of = vec![0; order.len()];
        for (row, &case) in order.iter().enumerate() {
            row_of[case] = row;
        }
        for row in row_of {
            let range = row * self.k..(row + 1) * self.k;
            for (&score, &item) in scores[range.clone()].iter().zip(&items[range]) {
                if score > f32::NEG_INFINITY {
                    lists.scores.push(score);
                    lists.items.push(item as u32);
                }
            }
            lists.offsets.push(lists.items.len());
        }
        Ok(lists)
    }
}
