//! The graph of interactions, and how vectors spread over it.

use lapidary_sdk::nn::Interaction;
use lapidary_sdk::prelude::*;

/// The symmetrically normalised adjacency `D^-½ A D^-½` of users and items, by rows: node u is user u, node U + i item i.
pub(crate) struct Graph {
    /// Where each node's neighbours begin, i64 `[U+V]`.
    offsets: Tensor,
    /// The neighbours, i64 `[2E]`, E distinct edges.
    neighbours: Tensor,
    /// One over the root of the product of both degrees, f32 `[2E]`.
    weights: Tensor,
    /// 1 for nodes with a neighbour, else 0, f32 `[U+V,1]`.
    connected: Tensor,
}

impl Graph {
    /// Edges between users and items; what occurs more than once is one edge.
    pub(crate) fn new(
        [n_users, n_items]: [usize; 2],
        interactions: &[Interaction],
        device: Device,
    ) -> Result<Self> {
        let mut neighbours = vec![Vec::new(); n_users + n_items];
        let mut edges = interactions.to_vec();
        edges.sort_unstable();
        edges.dedup();
        for &(user, item) in &edges {
            for (from, to) in [(user, n_users + item), (n_users + item, user)] {
                let of = neighbours.get_mut(from);
                of.ok_or_else(|| Error::invalid(format!("there is no node {from}")))?
                    .push(to);
            }
        }
        let degrees: Vec<f64> = neighbours.iter().map(|of| of.len() as f64).collect();
        let degree = |node: usize| degrees.get(node).copied().unwrap_or(0.0);
        let (mut offsets, mut all, mut weights) = (Vec::new(), Vec::new(), Vec::new());
        for (node, of) in neighbours.iter().enumerate() {
            offsets.push(all.len() as i64);
            for &other in of {
                all.push(other as i64);
                weights.push((degree(node) * degree(other)).sqrt().recip() as f32);
            }
        }
        let connected: Vec<f32> = degrees.iter().map(|&d| f32::from(d > 0.0)).collect();
        let connected = Tensor::f_from_slice(&connected)?.f_unsqueeze(1)?;
        Ok(Self {
            offsets: Tensor::f_from_slice(&offsets)?.f_to_device(device)?,
            neighbours: Tensor::f_from_slice(&all)?.f_to_device(device)?,
            weights: Tensor::f_from_slice(&weights)?.f_to_device(device)?,
            connected: connected.f_to_device(device)?,
        })
    }

    /// 1 for nodes with a neighbour, else 0, f32 `[U+V,1]`.
    pub(crate) fn connected(&self) -> &Tensor {
        &self.connected
    }

    /// The mean of a table and its products with the adjacency, the adjacency's square, and so on up to the power
    /// `layers`: equations 7 and 8, with equal weights. As the adjacency is symmetric, so is this map, and it takes a
    /// gradient back too.
    ///
    /// # Shapes
    /// `table` f32 `[U+V,d]`, the result alike.
    pub(crate) fn spread(&self, table: &Tensor, layers: u32) -> Result<Tensor> {
        let (mut layer, mut sum) = (table.shallow_clone(), table.shallow_clone());
        for _ in 0..layers {
            layer = self.product(&layer)?;
            sum = sum.f_add(&layer)?;
        }
        Ok(sum.f_div_scalar(f64::from(layers) + 1.0)?)
    }

    /// The product of the sparse adjacency and a table: bags of weighted rows, each summed in the same order on every
    /// device.
    fn product(&self, table: &Tensor) -> Result<Tensor> {
        const SUM: i64 = 0;
        let (product, ..) = Tensor::f_embedding_bag(
            table,
            &self.neighbours,
            &self.offsets,
            false,
            SUM,
            false,
            Some(&self.weights),
            false,
        )?;
        Ok(product)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn spreading_is_the_mean_of_powers_of_the_normalised_adjacency() {
        let edges = [(0, 0), (0, 1), (1, 1), (0, 1), (2, 3)];
        let graph = Graph::new([4, 5], &edges, Device::Cpu).unwrap();
        let mut dense = vec![0.0_f32; 81];
        for (user, item) in edges {
            dense[user * 9 + 4 + item] = 1.0;
            dense[(4 + item) * 9 + user] = 1.0;
        }
        let dense = Tensor::from_slice(&dense).view([9, 9]);
        let degree = dense.sum_dim_intlist(1, true, DType::Float);
        let root = degree.clamp_min(1.0).rsqrt();
        let dense = &dense * &root * root.tr();
        let table = Tensor::arange(18, (DType::Float, Device::Cpu)).view([9, 2]);
        let once = dense.matmul(&table);
        let expected = (&table + &once + dense.matmul(&once)) / 3.0;
        let found = graph.spread(&table, 2).unwrap();
        assert!(found.allclose(&expected, 1e-6, 1e-6, false));
        assert_eq!(graph.connected(), &degree.gt(0.0).to_kind(DType::Float));
    }
}
