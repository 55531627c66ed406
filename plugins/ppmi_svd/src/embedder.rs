//! The base embedder.

use lapidary_sdk::prelude::*;

use crate::cooccurrence::count;
use crate::settings::Settings;
use crate::svd::truncated;

/// Directions whose singular value is under this share of the largest are rounding errors.
const NEGLIGIBLE: f64 = 1e-12;

/// PPMI-SVD (Levy and Goldberg 2014): the shifted positive pointwise mutual information of items that stand together in
/// the histories, decomposed; an item's vector is its row of `U Σ^power`, a user's the mean of their items'.
///
/// Counting and decomposition are sparse: nothing of size V×V is made. Items that stand with no other have the vector
/// 0. Items take the place of words and histories that of sentences; unlike word2vec, all places within the window
/// count alike, and frequent items are not subsampled.
pub struct PpmiSvd {
    settings: Settings,
    context: BaseEmbedderContext,
    device: Device,
}

impl Component for PpmiSvd {
    const NAME: &'static str = "ppmi_svd";
    const SUMMARY: &'static str = "Items that stand together more than by chance, counted and decomposed (Levy and Goldberg 2014).";
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

impl BaseEmbedder for PpmiSvd {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let Settings {
            window,
            shift,
            power,
            iterations,
        } = self.settings;
        let BaseEmbedderContext {
            dim, n_items, seed, ..
        } = self.context;
        let histories = Histories::read(train, n_items)?;
        let ppmi = count(&histories, window as usize)?.into_ppmi(shift)?;
        let (vectors, values) = truncated(&ppmi.to_tensor(self.device)?, dim, iterations, seed)?;
        let largest = values.f_narrow(0, 0, 1)?;
        let real = values.f_gt_tensor(&largest.f_mul_scalar(NEGLIGIBLE)?)?;
        let scales = values
            .f_pow_tensor_scalar(power)?
            .f_mul(&real.f_to_kind(DType::Double)?)?;
        let items = vectors.f_mul(&scales)?.f_to_kind(DType::Float)?;
        let users = train.user_means(&items)?;
        Ok(BaseEmbeddings {
            items,
            users: Some(users),
        })
    }
}
