//! The base embedder.

use lapidary_sdk::host;
use lapidary_sdk::nn::{Best, HeldOut, RankingTask, check_finite};
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, generator};

use crate::graph::Graph;
use crate::network::Network;
use crate::settings::Settings;

/// Users of whom an interaction is held out, at most: more would tell hardly more and cost time every epoch.
const MOST_HELD_OUT: usize = 10_000;

/// LightGCN (He and others 2020): graph convolution without weights and non-linearities. The vector of a user or an item is
/// the mean over the layers of vectors that the normalised adjacency of the interactions' graph spreads; first vectors
/// alone are learned, with the loss of Bayesian personalised ranking (Rendle and others 2009).
///
/// Unlike the paper, which trains for 1000 epochs, the last training interaction of a share of the users is held out, and
/// training ends when these are ranked no better; first values are drawn as in the authors' code. Users whose every item is
/// held out, or who had every item, have the vector 0.
pub struct LightGcn {
    settings: Settings,
    context: BaseEmbedderContext,
    device: Device,
}

impl Component for LightGcn {
    const NAME: &'static str = "lightgcn";
    const SUMMARY: &'static str =
        "Vectors smoothed over the graph of users and items, learned to rank (He and others 2020).";
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

impl BaseEmbedder for LightGcn {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let BaseEmbedderContext {
            dim, n_items, seed, ..
        } = self.context;
        let histories = Histories::read(train, n_items)?;
        let mut generator = generator(seed);
        let share = self.settings.validation;
        let task = RankingTask::new(&histories, share, MOST_HELD_OUT, &mut generator)?;
        let n_users = histories.of_users().count();
        let sizes = [n_users, histories.n_items];
        let graph = Graph::new(sizes, &task.trained, self.device)?;
        let sizes = [n_users as i64, n_items, dim];
        let network = Network::new(&mut generator, graph, sizes, &self.settings, self.device)?;
        let (users, items) = self.train(&task, &network, &mut generator)?;
        check_finite(&users)?;
        check_finite(&items)?;
        Ok(BaseEmbeddings {
            items,
            users: Some(users),
        })
    }
}

impl LightGcn {
    /// Trains until held-out items are ranked no better; gives the vectors of users and items.
    fn train(
        &self,
        task: &RankingTask,
        network: &Network,
        generator: &mut Generator,
    ) -> Result<(Tensor, Tensor)> {
        let held_out = HeldOut::new(task, generator, self.device)?;
        let mut best = Best::new(self.settings.patience);
        let (epochs, size) = (self.settings.epochs, self.settings.batch_size as usize);
        for epoch in 0..epochs {
            for numbers in task.shuffled(generator).chunks(size) {
                host::progress("train user and item vectors", epoch.into(), epochs.into())?;
                network.step(&task.batch(numbers, generator, self.device)?)?;
            }
            if let Some(held_out) = &held_out {
                let (users, items) = network.vectors()?;
                let loss = held_out.loss(|user, item| scores(&users, &items, user, item))?;
                if best.note(loss, || Ok((users, items)))? {
                    break;
                }
            }
        }
        match best.into_state() {
            Some(vectors) => Ok(vectors),
            None => network.vectors(),
        }
    }
}

/// Scores f32 `[n,k]` of items i64 `[n,k]` for users i64 `[n]`.
fn scores(users: &Tensor, items: &Tensor, user: &Tensor, item: &Tensor) -> Result<Tensor> {
    let (n, k) = item.size2()?;
    let p = users.f_index_select(0, user)?.f_unsqueeze(2)?;
    let q = items
        .f_index_select(0, &item.f_view([-1])?)?
        .f_view([n, k, -1])?;
    Ok(q.f_matmul(&p)?.f_squeeze_dim(2)?)
}
