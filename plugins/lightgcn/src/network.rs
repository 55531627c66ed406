//! The first vectors of all nodes, and how they learn.

use lapidary_sdk::nn::{Ranker, Triples, sum_by_row};
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, normal};
use tch::COptimizer;

use crate::graph::Graph;
use crate::settings::Settings;

/// A graph and the first vectors of its nodes, f32 `[U+V,d]`.
pub(crate) struct Network {
    graph: Graph,
    table: Tensor,
    n_users: i64,
    layers: u32,
    regularisation: f64,
    optimiser: COptimizer,
}

impl Network {
    /// Draws the first vectors.
    pub(crate) fn new(
        generator: &mut Generator,
        graph: Graph,
        [n_users, n_items, dim]: [i64; 3],
        settings: &Settings,
        device: Device,
    ) -> Result<Self> {
        let values = normal(generator, n_users + n_items, dim)?.f_mul_scalar(settings.init_std)?;
        let table = values.f_to_kind(DType::Float)?.f_to_device(device)?;
        Self::of(graph, table, n_users, settings)
    }

    /// A network with these first vectors, trained in place with Adam at PyTorch's defaults.
    fn of(graph: Graph, table: Tensor, n_users: i64, settings: &Settings) -> Result<Self> {
        let rate = settings.learning_rate;
        let mut optimiser = COptimizer::adam(rate, 0.9, 0.999, 0.0, 1e-8, false)?;
        let table = table.f_set_requires_grad(true)?;
        optimiser.add_parameters(&table, 0)?;
        Ok(Self {
            graph,
            table,
            n_users,
            layers: settings.layers,
            regularisation: settings.regularisation,
            optimiser,
        })
    }

    /// The gradient for the first vectors, f32 `[U+V,d]`.
    fn gradient(&self, batch: &Triples) -> Result<Tensor> {
        let first = self.table.f_detach()?;
        let spread = self.graph.spread(&first, self.layers)?;
        let nodes = Tensor::f_cat(
            &[
                &batch.users,
                &batch.items.f_add_scalar(self.n_users)?,
                &batch.others.f_add_scalar(self.n_users)?,
            ],
            0,
        )?;
        let vectors = spread.f_index_select(0, &nodes)?.f_chunk(3, 0)?;
        let [p, had, other] = vectors.as_slice() else {
            return Err(Error::invalid("a batch holds triples"));
        };
        let difference = had.f_sub(other)?;
        let x = p
            .f_mul(&difference)?
            .f_sum_dim_intlist(1, true, DType::Float)?;
        let share = 1.0 / batch.users.size1()?.max(1) as f64;
        // The mean's share of d(−ln σ(x))/dx.
        let slope = x.f_neg()?.f_sigmoid()?.f_mul_scalar(-share)?;
        let pulled = p.f_mul(&slope)?;
        let of_spread = Tensor::f_cat(&[&difference.f_mul(&slope)?, &pulled, &pulled.f_neg()?], 0)?;
        let decay = first.f_index_select(0, &nodes)?;
        let decay = decay.f_mul_scalar(self.regularisation * share)?;
        let by_node = |gradients: &Tensor| -> Result<Tensor> {
            let (rows, sums) = sum_by_row(&nodes, gradients)?;
            Ok(first.f_zeros_like()?.f_index_copy(0, &rows, &sums)?)
        };
        let back = self.graph.spread(&by_node(&of_spread)?, self.layers)?;
        Ok(back.f_add(&by_node(&decay)?)?)
    }
}

impl Ranker for Network {
    /// One step against the gradient of the mean over triples of `−ln σ(x) + λ/2 (‖p₀‖² + ‖q₀‖² + ‖q₀′‖²)`, with
    /// `x = p·(q − q′)` of spread vectors and λ on first ones: equation 15, a mean as the authors' code has it.
    fn step(&mut self, batch: &Triples) -> Result<()> {
        let gradient = tch::no_grad(|| self.gradient(batch))?;
        tch::with_grad(|| {
            self.optimiser.zero_grad()?;
            // Its gradient is the one that was computed.
            let surrogate = self.table.f_mul(&gradient)?.f_sum(DType::Float)?;
            surrogate.f_backward()?;
            Ok(self.optimiser.step()?)
        })
    }

    /// The vectors of users and items: f32 `[U,d]`, 0 for users without an edge, and `[V,d]`.
    fn vectors(&self) -> Result<(Tensor, Tensor)> {
        let spread = self.graph.spread(&self.table.f_detach()?, self.layers)?;
        let n_items = spread.size2()?.0 - self.n_users;
        let connected = self.graph.connected().f_narrow(0, 0, self.n_users)?;
        let users = spread.f_narrow(0, 0, self.n_users)?.f_mul(&connected)?;
        let items = spread.f_narrow(0, self.n_users, n_items)?.f_contiguous()?;
        Ok((users, items))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use lapidary_sdk::component::find;

    use super::*;

    const FIXTURE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/steps.safetensors"
    );

    /// `fixtures/make_steps.py`
    #[test]
    fn steps_agree_with_pytorch() {
        let fixture = Tensor::read_safetensors(FIXTURE).unwrap();
        let tensor = |name: &str| find(&fixture, name).unwrap().copy();
        let settings = Settings {
            layers: 2,
            learning_rate: 0.05,
            regularisation: 0.1,
            ..Settings::default()
        };
        let edges: Vec<Vec<i64>> = Vec::try_from(tensor("edges")).unwrap();
        let edges: Vec<_> = edges
            .iter()
            .map(|e| (e[0] as usize, e[1] as usize))
            .collect();
        let (users, items) = (tensor("users"), tensor("items"));
        let n_users = users.size()[0];
        let sizes = [n_users, items.size()[0]].map(|n| n as usize);
        let graph = Graph::new(sizes, &edges, Device::Cpu).unwrap();
        let table = Tensor::cat(&[users, items], 0);
        let first = table.copy();
        let mut network = Network::of(graph, table, n_users, &settings).unwrap();
        let batches = tensor("batches");
        for step in 0..batches.size()[0] {
            let batch = batches.get(step);
            let triples = Triples {
                users: batch.get(0),
                items: batch.get(1),
                others: batch.get(2),
            };
            network.step(&triples).unwrap();
        }
        let after = Tensor::cat(&[tensor("users.after"), tensor("items.after")], 0);
        assert!(network.table.detach().allclose(&after, 1e-4, 1e-5, false));
        assert!(!first.allclose(&after, 1e-2, 1e-2, false));
        let (users, items) = network.vectors().unwrap();
        assert!(users.allclose(&tensor("users.spread"), 1e-4, 1e-5, false));
        assert!(items.allclose(&tensor("items.spread"), 1e-4, 1e-5, false));
    }
}
