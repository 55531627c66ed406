//! The base embedder.

use lapidary_sdk::nn::RankingTask;
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::generator;

use crate::graph::Graph;
use crate::network::Network;
use crate::settings::Settings;

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
        let task = RankingTask::new(&histories, share, &mut generator)?;
        let n_users = histories.of_users().count();
        let sizes = [n_users, histories.n_items];
        let graph = Graph::new(sizes, &task.trained, self.device)?;
        let sizes = [n_users as i64, n_items, dim];
        let mut network = Network::new(&mut generator, graph, sizes, &self.settings, self.device)?;
        let passes = self.settings.passes();
        let (users, items) = task.train(&mut network, &passes, &mut generator, self.device)?;
        Ok(BaseEmbeddings {
            items,
            users: Some(users),
        })
    }
}
