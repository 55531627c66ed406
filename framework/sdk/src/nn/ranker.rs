//! Training of embedders that rank a user's items above all others, until held-out items are ranked no better.

use super::held_out::HeldOut;
use super::{Best, RankingTask, Triples, check_finite};
use crate::host;
use crate::prelude::*;
use crate::random::Generator;

/// Vectors of users and items that learn from triples.
pub trait Ranker {
    /// One step against the gradient of a batch's loss.
    ///
    /// # Errors
    /// What libtorch reports.
    fn step(&mut self, batch: &Triples) -> Result<()>;

    /// The vectors of users f32 `[U,d]` and items f32 `[V,d]`, whose products are the scores; later steps leave them alone.
    ///
    /// # Errors
    /// What libtorch reports.
    fn vectors(&self) -> Result<(Tensor, Tensor)>;
}

/// How often a [`Ranker`] sees the interactions.
pub struct Passes {
    /// Most passes over them.
    pub epochs: u32,
    /// Triples in a step.
    pub batch_size: u32,
    /// Passes in a row without better ranks of held-out items after which training ends; the best state counts.
    pub patience: u32,
}

impl RankingTask {
    /// Trains, and gives the vectors of users and items.
    ///
    /// # Errors
    /// What the ranker reports, when its numbers are not finite, or when the user asks to stop.
    pub fn train(
        &self,
        ranker: &mut impl Ranker,
        passes: &Passes,
        generator: &mut Generator,
        device: Device,
    ) -> Result<(Tensor, Tensor)> {
        let held_out = HeldOut::new(self, generator, device)?;
        let mut best = Best::new(passes.patience);
        let (epochs, size) = (passes.epochs, passes.batch_size as usize);
        for epoch in 0..epochs {
            for numbers in self.shuffled(generator).chunks(size) {
                host::progress("train user and item vectors", epoch.into(), epochs.into())?;
                ranker.step(&self.batch(numbers, generator, device)?)?;
            }
            if let Some(held_out) = &held_out {
                let (users, items) = ranker.vectors()?;
                let loss = held_out.loss(&users, &items)?;
                if best.note(loss, || Ok((users, items)))? {
                    break;
                }
            }
        }
        let (users, items) = match best.into_state() {
            Some(vectors) => vectors,
            None => ranker.vectors()?,
        };
        check_finite(&users)?;
        check_finite(&items)?;
        Ok((users, items))
    }
}
