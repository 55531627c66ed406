//! The training interactions, checked and in memory of a plugin's own.

use tch::{Kind as DType, Tensor};

use super::Interactions;
use crate::error::{Error, Result};

/// Training interactions outside of tensors: user `u` owns `items[offsets[u]..offsets[u + 1]]`, oldest first.
#[derive(Clone, Debug)]
pub struct Histories {
    /// U + 1 places, rising from 0 to the number of interactions.
    pub offsets: Vec<usize>,
    /// Item numbers from 0 to V − 1.
    pub items: Vec<usize>,
    /// Size of the catalogue, V.
    pub n_items: usize,
}

impl Histories {
    /// Reads and checks training interactions.
    ///
    /// # Errors
    /// When the types or shapes are others, the offsets do not rise, or an item is not in the catalogue.
    pub fn read(train: &Interactions, n_items: i64) -> Result<Self> {
        let items = numbers(&train.items, "items")?;
        let offsets = numbers(&train.offsets, "offsets")?;
        let rising = offsets.is_sorted();
        let total = items.len() as i64;
        if !rising || offsets.first() != Some(&0) || offsets.last() != Some(&total) {
            return Err(Error::invalid(format!(
                "`offsets` must rise from 0 to the number of interactions, {total}"
            )));
        }
        if let Some(item) = items.iter().find(|item| !(0..n_items).contains(*item)) {
            return Err(Error::invalid(format!(
                "item number {item} is not in 0..{n_items}"
            )));
        }
        let natural = |values: Vec<i64>| values.into_iter().map(|v| v as usize).collect();
        Ok(Self {
            offsets: natural(offsets),
            items: natural(items),
            n_items: n_items as usize,
        })
    }

    /// Each user's items, oldest first.
    pub fn of_users(&self) -> impl Iterator<Item = &[usize]> {
        let spans = self.offsets.windows(2);
        spans.map(|span| self.items.get(span[0]..span[1]).unwrap_or_default())
    }

    /// For each interaction, whose it is.
    pub fn users(&self) -> Vec<usize> {
        let lengths = self.of_users().map(<[usize]>::len).enumerate();
        lengths
            .flat_map(|(user, length)| std::iter::repeat_n(user, length))
            .collect()
    }
}

impl Interactions {
    /// The mean of each user's items; 0 where a user has none.
    ///
    /// # Shapes
    /// `items` f32 `[V,d]`, the result f32 `[U,d]` on the same device.
    ///
    /// # Errors
    /// When an item is not in the table.
    pub fn user_means(&self, items: &Tensor) -> Result<Tensor> {
        const MEAN: i64 = 1;
        let numbers = self.items.f_to_device(items.device())?;
        let offsets = self.offsets.f_to_device(items.device())?;
        let no_weights = None::<&Tensor>;
        let (means, ..) = Tensor::f_embedding_bag(
            items, &numbers, &offsets, false, MEAN, false, no_weights, true,
        )?;
        Ok(means)
    }
}

fn numbers(tensor: &Tensor, name: &str) -> Result<Vec<i64>> {
    if tensor.kind() != DType::Int64 || tensor.dim() != 1 {
        return Err(Error::invalid(format!(
            "`{name}` must be i64 of one axis; found {:?} of the shape {:?}",
            tensor.kind(),
            tensor.size()
        )));
    }
    Ok(Vec::try_from(tensor)?)
}
