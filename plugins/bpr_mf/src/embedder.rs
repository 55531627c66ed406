//! The base embedder.

use lapidary_sdk::nn::RankingTask;
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::generator;

use crate::factors::Factors;
use crate::settings::Settings;

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
        let task = RankingTask::new(&histories, share, &mut generator)?;
        let lengths: Vec<bool> = histories.of_users().map(|h| !h.is_empty()).collect();
        let sizes = [lengths.len() as i64, n_items, dim];
        let mut factors = Factors::new(&mut generator, sizes, &self.settings, self.device)?;
        let passes = self.settings.passes();
        let (users, items) = task.train(&mut factors, &passes, &mut generator, self.device)?;
        let known = Tensor::f_from_slice(&lengths)?
            .f_to_device(self.device)?
            .f_unsqueeze(1)?;
        Ok(BaseEmbeddings {
            items,
            users: Some(users.f_mul(&known)?),
        })
    }
}
