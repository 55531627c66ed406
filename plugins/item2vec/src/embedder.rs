//! The base embedder.

use lapidary_sdk::host;
use lapidary_sdk::nn::check_finite;
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::generator;

use crate::corpus::Corpus;
use crate::settings::Settings;
use crate::vectors::Vectors;

/// Negatives that a step draws for all its centres.
const SHARED: usize = 256;

/// Item2vec (Barkan and Koenigstein 2016): word2vec's skip-gram with negative sampling (Mikolov and others 2013,
/// <https://arxiv.org/abs/1310.4546>), where items are words and histories are sentences. An item's vector is that of a
/// centre, a user's the mean of their items'.
///
/// Unlike the papers, all pairs of a step share their negatives, weighted so that the gradient is the same on average; the
/// optimiser is Adam, over the rows that a step touches; the window is not shrunk at random. By default only items that
/// stand near each other are a pair; `window` 0 makes the whole history one set, as Item2vec has it. Items that stand with
/// no other have the vector 0.
pub struct Item2Vec {
    settings: Settings,
    context: BaseEmbedderContext,
    device: Device,
}

impl Component for Item2Vec {
    const NAME: &'static str = "item2vec";
    const SUMMARY: &'static str = "word2vec over the histories: items that stand together are alike (Barkan and Koenigstein 2016).";
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

impl BaseEmbedder for Item2Vec {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let Self {
            settings, context, ..
        } = self;
        let histories = Histories::read(train, context.n_items)?;
        let corpus = Corpus::new(&histories, settings)?;
        let mut generator = generator(context.seed);
        let sizes = [context.n_items, context.dim];
        let rate = settings.learning_rate;
        let mut vectors = Vectors::new(&mut generator, sizes, rate, self.device)?;
        let weight = f64::from(settings.negatives) / SHARED as f64;
        let epochs = settings.epochs;
        for epoch in 0..epochs {
            corpus.walk(
                settings.batch_size as usize,
                &mut generator,
                |pairs, generator| {
                    host::progress("train item vectors", epoch.into(), epochs.into())?;
                    let negatives = corpus.draw_negatives(SHARED, generator);
                    vectors.step(pairs, &negatives, weight)
                },
            )?;
        }
        let known: Vec<bool> = corpus.counts.iter().map(|&count| count > 0).collect();
        let known = Tensor::f_from_slice(&known)?.f_to_device(self.device)?;
        let items = vectors.centres().f_mul(&known.f_unsqueeze(1)?)?;
        check_finite(&items)?;
        let users = train.user_means(&items)?;
        Ok(BaseEmbeddings {
            items,
            users: Some(users),
        })
    }
}
