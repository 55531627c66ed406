//! The training interactions, checked and in memory of our own.

use lapidary_sdk::prelude::*;

/// User `u` owns `items[offsets[u]..offsets[u + 1]]`, oldest first.
pub(crate) struct Histories {
    pub(crate) offsets: Vec<usize>,
    pub(crate) items: Vec<usize>,
    pub(crate) n_items: usize,
}

impl Histories {
    pub(crate) fn read(train: &Interactions, n_items: i64) -> Result<Self> {
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

    /// For each item, where it stands: CSR over the positions in `items`.
    pub(crate) fn places(&self) -> (Vec<usize>, Vec<usize>) {
        let mut ends = vec![0; self.n_items + 1];
        for &item in &self.items {
            ends[item + 1] += 1;
        }
        for item in 0..self.n_items {
            ends[item + 1] += ends[item];
        }
        let mut next = ends.clone();
        let mut places = vec![0; self.items.len()];
        for (place, &item) in self.items.iter().enumerate() {
            places[next[item]] = place;
            next[item] += 1;
        }
        (ends, places)
    }

    /// For each interaction, whose it is.
    pub(crate) fn users(&self) -> Vec<usize> {
        let spans = self.offsets.windows(2).enumerate();
        spans
            .flat_map(|(user, span)| std::iter::repeat_n(user, span[1] - span[0]))
            .collect()
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
