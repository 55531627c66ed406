//! How often items stand together, and how much more often than by chance.

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;

/// A symmetric sparse matrix of items by items, row by row.
pub(crate) struct Matrix {
    /// Row `i` owns the entries `ends[i]..ends[i + 1]`.
    ends: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<f64>,
}

/// Counts, for each pair of items, the pairs of places in one history that are at most `window` apart and hold them.
/// Each pair of places counts for both orders, so an item twice in a window counts twice for itself.
pub(crate) fn count(histories: &Histories, window: usize) -> Result<Matrix> {
    let (ends, places) = places(histories);
    let users = histories.users();
    let total = histories.n_items;
    let mut matrix = Matrix {
        ends: vec![0],
        columns: Vec::new(),
        values: Vec::new(),
    };
    // Counts of one row, dense, and which of them are not 0.
    let (mut row, mut met) = (vec![0_u64; total], Vec::new());
    for item in 0..total {
        if item % 1024 == 0 {
            host::progress("count pairs of items", item as u64, total as u64)?;
        }
        for &place in &places[ends[item]..ends[item + 1]] {
            let user = users[place];
            let from = histories.offsets[user].max(place.saturating_sub(window));
            let to = histories.offsets[user + 1].min(place.saturating_add(window) + 1);
            for other in (from..to).filter(|&other| other != place) {
                let neighbour = histories.items[other];
                if row[neighbour] == 0 {
                    met.push(neighbour);
                }
                row[neighbour] += 1;
            }
        }
        met.sort_unstable();
        for neighbour in met.drain(..) {
            matrix.columns.push(neighbour);
            matrix
                .values
                .push(std::mem::take(&mut row[neighbour]) as f64);
        }
        matrix.ends.push(matrix.columns.len());
    }
    Ok(matrix)
}

/// For each item, where it stands: CSR over the positions in `items`.
fn places(histories: &Histories) -> (Vec<usize>, Vec<usize>) {
    let mut ends = vec![0; histories.n_items + 1];
    for &item in &histories.items {
        ends[item + 1] += 1;
    }
    for item in 0..histories.n_items {
        ends[item + 1] += ends[item];
    }
    let mut next = ends.clone();
    let mut places = vec![0; histories.items.len()];
    for (place, &item) in histories.items.iter().enumerate() {
        places[next[item]] = place;
        next[item] += 1;
    }
    (ends, places)
}

impl Matrix {
    /// Turns counts into positive pointwise mutual information: `max(log(#(i,j) N / (#(i) #(j))) − log k, 0)`, with
    /// the row sums `#(i)`, their sum N, and `shift` k.
    pub(crate) fn into_ppmi(self, shift: f64) -> Result<Self> {
        let sums: Vec<f64> = self.rows().map(|(_, row)| row.map(|e| e.1).sum()).collect();
        let total: f64 = sums.iter().sum();
        let mut ppmi = Self {
            ends: vec![0],
            columns: Vec::new(),
            values: Vec::new(),
        };
        for (i, row) in self.rows() {
            for (j, count) in row {
                let value = (count * total / (sums[i] * sums[j] * shift)).ln();
                if value > 0.0 {
                    ppmi.columns.push(j);
                    ppmi.values.push(value);
                }
            }
            ppmi.ends.push(ppmi.columns.len());
        }
        match ppmi.values.is_empty() {
            true => Err(Error::invalid(
                "no two items stand together more often than by chance: the histories are too short, or `window` or \
                 `shift` does not suit them",
            )),
            false => Ok(ppmi),
        }
    }

    /// As a sparse tensor, f64 `[V,V]`.
    pub(crate) fn to_tensor(&self, device: Device) -> Result<Tensor> {
        let n_items = self.ends.len() as i64 - 1;
        let spans = self.ends.windows(2).enumerate();
        let rows: Vec<i64> = spans
            .flat_map(|(i, span)| std::iter::repeat_n(i as i64, span[1] - span[0]))
            .collect();
        let columns: Vec<i64> = self.columns.iter().map(|&j| j as i64).collect();
        let indices = Tensor::f_stack(
            &[
                Tensor::f_from_slice(&rows)?,
                Tensor::f_from_slice(&columns)?,
            ],
            0,
        )?;
        let options = (DType::Double, device);
        Ok(Tensor::f_sparse_coo_tensor_indices_size(
            &indices.f_to_device(device)?,
            &Tensor::f_from_slice(&self.values)?.f_to_device(device)?,
            [n_items, n_items],
            options,
            true,
        )?)
    }

    fn rows(&self) -> impl Iterator<Item = (usize, impl Iterator<Item = (usize, f64)>)> {
        self.ends.windows(2).enumerate().map(|(i, span)| {
            let entries = span[0]..span[1];
            (i, entries.map(|e| (self.columns[e], self.values[e])))
        })
    }
}
