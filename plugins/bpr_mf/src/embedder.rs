//! The base embedder.

use lapidary_sdk::host;
use lapidary_sdk::nn::{Best, HeldOut, RankingTask, check_finite};
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, generator};

use crate::factors::Factors;
use crate::settings::Settings;

/// Users of whom an interaction is held out, at most: more would tell hardly more and cost time every epoch.
const MOST_HELD_OUT: usize = 10_000;

/// Matrix factorisation with the loss of Bayesian personalised ranking (Rendle and others 2009): for each interaction of a
/// user an item that they had not is drawn, all alike probable, and the inner product with the user's vector shall be
/// larger for the item they had.
///
/// Unlike the paper, interactions are visited once an epoch in random order instead of drawn anew each time, a step takes
/// a batch of them with Adam, which keeps moments of the rows that it touches, and one weight regularises all vectors. Of
/// a share of the users the last training interaction is held out, and training ends when these are ranked no better. A
/// user without interactions has the vector 0.
pub struct BprMf {
    settings: Settings,
    context: BaseEmbedderContext,
    device: Device,
}

impl Component for BprMf {
    const NAME: &'static str = "bpr_mf";
    const SUMMARY: &'static str =
        "Matrix factorisation that ranks a user's items above all others (Rendle and others 2009).";
    type Settings = Settings;
    type Context = BaseEmbedderContext;

    fn create(settings: Settings, context: BaseEmbedderContext) -> Result<Self> {
        settings.check(&context)?;
        Ok(Self {
            device: lapidary_sdk::device(&context.device)?,
            settings,
            context,
        })
    }
}

impl BaseEmbedder for BprMf {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let BaseEmbedderContext {
            dim, n_items, seed, ..
        } = self.context;
        let histories = Histories::read(train, n_items)?;
        let mut generator = generator(seed);
        let share = self.settings.validation;
        let task = RankingTask::new(&histories, share, MOST_HELD_OUT, &mut generator)?;
        let lengths: Vec<bool> = histories.of_users().map(|h| !h.is_empty()).collect();
        let sizes = [lengths.len() as i64, n_items, dim];
        let factors = Factors::new(&mut generator, sizes, &self.settings, self.device)?;
        let (users, items) = self.train(&task, factors, &mut generator)?;
        check_finite(&users)?;
        check_finite(&items)?;
        let known = Tensor::f_from_slice(&lengths)?
            .f_to_device(self.device)?
            .f_unsqueeze(1)?;
        Ok(BaseEmbeddings {
            items,
            users: Some(users.f_mul(&known)?),
        })
    }
}

impl BprMf {
    /// Trains until held-out items are ranked no better; gives the vectors of users and items.
    fn train(
        &self,
        task: &RankingTask,
        mut factors: Factors,
        generator: &mut Generator,
    ) -> Result<(Tensor, Tensor)> {
        let held_out = HeldOut::new(task, generator, self.device)?;
        let mut best = Best::new(self.settings.patience);
        let epochs = self.settings.epochs;
        for epoch in 0..epochs {
            for numbers in task
                .shuffled(generator)
                .chunks(self.settings.batch_size as usize)
            {
                host::progress("train user and item vectors", epoch.into(), epochs.into())?;
                factors.step(&task.batch(numbers, generator, self.device)?)?;
            }
            if let Some(held_out) = &held_out {
                let loss = held_out.loss(|users, items| factors.scores(users, items))?;
                if best.note(loss, || factors.vectors())? {
                    break;
                }
            }
        }
        match best.into_state() {
            Some(vectors) => Ok(vectors),
            None => factors.vectors(),
        }
    }
}
