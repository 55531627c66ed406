//! A base embedder: training interactions in, item vectors out. Use it by `lapidary.base_embedder("{{name}}", { … })`.

use lapidary_sdk::prelude::*;
use lapidary_sdk::schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a script may set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(crate = "lapidary_sdk::schemars")]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How far neighbours reach, in items.
    #[schemars(range(min = 1))]
    pub window: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { window: 3 }
    }
}

/// Items that stand near each other in histories get like vectors: counts of neighbours, their logarithm, and its
/// eigenvectors.
pub struct Mine {
    settings: Settings,
    context: BaseEmbedderContext,
}

impl Component for Mine {
    const NAME: &'static str = "{{name}}";
    const SUMMARY: &'static str = "The eigenvectors of how often items stand near each other.";
    type Settings = Settings;
    type Context = BaseEmbedderContext;

    // The context's `seed` is there for all that is drawn.
    fn create(settings: Settings, context: BaseEmbedderContext) -> Result<Self> {
        let (dim, n_items) = (context.dim, context.n_items);
        must((1..=n_items).contains(&dim), || {
            format!("`dim` is {dim}, but there are {n_items} items")
        })?;
        Ok(Self { settings, context })
    }
}

impl BaseEmbedder for Mine {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let n_items = self.context.n_items;
        let mut counts = vec![0f32; (n_items * n_items) as usize];
        for history in histories(train, n_items)? {
            for (at, &item) in history.iter().enumerate() {
                for &next in history.iter().skip(at + 1).take(self.settings.window) {
                    counts[(item * n_items + next) as usize] += 1.0;
                    counts[(next * n_items + item) as usize] += 1.0;
                }
            }
        }
        let device = lapidary_sdk::device(&self.context.device)?;
        let counts = Tensor::f_from_slice(&counts)?.f_reshape([n_items, n_items])?;
        let logs = counts.f_to_device(device)?.f_log1p()?;
        let (values, vectors) = logs.f_linalg_eigh("L")?;
        // They are sorted upwards: the last ones say most.
        let (dim, first) = (self.context.dim, n_items - self.context.dim);
        let scale = values.f_narrow(0, first, dim)?.f_abs()?.f_sqrt()?;
        Ok(BaseEmbeddings {
            items: vectors.f_narrow(1, first, dim)?.f_mul(&scale)?,
            users: None,
        })
    }
}

/// The items of each user, oldest first.
fn histories(train: &Interactions, n_items: i64) -> Result<Vec<Vec<i64>>> {
    let numbers = |tensor: &Tensor, name: &str| {
        must(matches!(tensor.f_kind(), Ok(DType::Int64)), || {
            format!("`{name}` must be i64")
        })?;
        Ok::<_, Error>(Vec::<i64>::try_from(tensor)?)
    };
    let offsets = numbers(&train.offsets, "offsets")?;
    let items = numbers(&train.items, "items")?;
    let whole = offsets.first() == Some(&0) && offsets.last() == Some(&(items.len() as i64));
    must(whole && offsets.is_sorted(), || {
        "`offsets` must rise from 0 to the number of items".to_owned()
    })?;
    if let Some(odd) = items.iter().find(|item| !(0..n_items).contains(*item)) {
        return Err(Error::invalid(format!(
            "item number {odd} is not in 0..{n_items}"
        )));
    }
    let users = offsets.windows(2);
    Ok(users
        .map(|ends| items[ends[0] as usize..ends[1] as usize].to_vec())
        .collect())
}

lapidary_sdk::register!(base_embedder: Mine);
lapidary_sdk::export_plugin!();
