//! The item table: what a backbone reads and what its answers are held against.

use tch::{Device, Kind, TchError, Tensor};

use super::adam::Parameter;
use super::seed::{self, Purpose};
use super::state::fitting;
use crate::error::{Error, Result};
use crate::refine::{Embedding, Scoring};

/// One item table in one piece, with its gradient: f32 `[V,d]`, guided columns first. Columns that are not trained get
/// no gradient, and their values are put back after each step.
#[derive(Debug)]
pub(super) struct Table {
    pub values: Tensor,
    gradient: Option<Tensor>,
    frozen: Option<Frozen>,
}

/// Columns that keep their values.
#[derive(Debug)]
struct Frozen {
    start: i64,
    values: Tensor,
}

impl Table {
    fn new(embedding: &Embedding, device: Device) -> Result<Self> {
        let guided = embedding.guided.as_ref();
        // Each may come from another device.
        let there = |block: &Tensor| {
            block
                .f_detach()?
                .f_to_device(device)?
                .f_to_kind(Kind::Float)
        };
        let blocks = guided.map(|g| &g.items).into_iter();
        let blocks = blocks.chain([&embedding.free]).map(there);
        let blocks: Vec<_> = blocks.collect::<std::result::Result<_, TchError>>()?;
        let values = Tensor::f_cat(&blocks, 1)?.f_contiguous()?;
        let (m, d) = (embedding.guided_dim(), embedding.dim());
        let guided_trained = guided.is_some_and(|g| g.items_trainable);
        let frozen = match (guided_trained, embedding.free_trainable) {
            (true, true) => None,
            (false, true) if m == 0 => None,
            (false, true) => Some((0, m)),
            (true, false) => Some((m, d - m)),
            (false, false) => Some((0, d)),
        };
        let trained = frozen.is_none_or(|(_, width)| width < d);
        let gradient = trained.then(|| values.f_zeros_like()).transpose()?;
        let frozen = frozen
            .filter(|_| trained)
            .map(|(start, width)| {
                let values = values.f_narrow_copy(1, start, width)?;
                Ok::<_, Error>(Frozen { start, values })
            })
            .transpose()?;
        Ok(Self {
            values,
            gradient,
            frozen,
        })
    }

    /// Where gradients are added up; none when nothing here is trained.
    pub fn gradient(&self) -> Option<Tensor> {
        self.gradient.as_ref().map(Tensor::shallow_clone)
    }

    pub fn clear_gradient(&self) -> Result<()> {
        if let Some(gradient) = self.gradient() {
            let _ = { gradient }.f_zero_()?;
        }
        Ok(())
    }

    fn clear_frozen_gradient(&self) -> Result<()> {
        if let (Some(gradient), Some(frozen)) = (&self.gradient, &self.frozen) {
            let width = frozen.values.size()[1];
            let _ = gradient.f_narrow(1, frozen.start, width)?.f_zero_()?;
        }
        Ok(())
    }

    fn restore_frozen(&self) -> Result<()> {
        if let Some(frozen) = &self.frozen {
            let width = frozen.values.size()[1];
            self.values
                .f_narrow(1, frozen.start, width)?
                .f_copy_(&frozen.values)?;
        }
        Ok(())
    }

    /// Takes over values, frozen columns too.
    fn load(&mut self, values: &Tensor) -> Result<()> {
        self.values.f_copy_(values)?;
        if let Some(frozen) = &mut self.frozen {
            let width = frozen.values.size()[1];
            frozen
                .values
                .f_copy_(&self.values.f_narrow(1, frozen.start, width)?)?;
        }
        Ok(())
    }
}

/// The input table, and the output table where it is one of its own.
#[derive(Debug)]
pub(super) struct Items {
    pub input: Table,
    pub output: Option<Table>,
}

impl Items {
    pub fn new(embedding: &Embedding, device: Device) -> Result<Self> {
        check(embedding)?;
        let output = (!embedding.tied)
            .then(|| Table::new(embedding, device))
            .transpose()?;
        Ok(Self {
            input: Table::new(embedding, device)?,
            output,
        })
    }

    /// The table that answers are held against.
    pub fn answers(&self) -> &Table {
        self.output.as_ref().unwrap_or(&self.input)
    }

    fn tables(&self) -> impl Iterator<Item = (&'static str, &Table)> {
        let output = self.output.as_ref().map(|t| ("items.output", t));
        std::iter::once(("items.input", &self.input)).chain(output)
    }

    /// The values of each table, `[V,d]`.
    pub fn values(&self) -> impl Iterator<Item = Tensor> {
        self.tables().map(|(_, table)| table.values.shallow_clone())
    }

    /// Gradients to zero, before a step.
    pub fn clear_gradients(&self) -> Result<()> {
        self.tables().try_for_each(|(_, t)| t.clear_gradient())
    }

    /// The tables that are trained, with their gradients.
    pub fn parameters(&self) -> Result<Vec<Parameter>> {
        let mut parameters = Vec::new();
        for (name, table) in self.tables() {
            table.clear_frozen_gradient()?;
            if let Some(gradient) = table.gradient() {
                parameters.push(Parameter {
                    name: name.to_owned(),
                    value: table.values.shallow_clone(),
                    gradient,
                });
            }
        }
        Ok(parameters)
    }

    /// After the optimiser: frozen columns are as they were.
    pub fn after_step(&self) -> Result<()> {
        self.tables().try_for_each(|(_, t)| t.restore_frozen())
    }

    /// All values by name.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.tables()
            .map(|(name, table)| (name.to_owned(), table.values.shallow_clone()))
            .collect()
    }

    /// Takes over values that [`Items::state`] gave.
    pub fn load(&mut self, state: &[(String, Tensor)]) -> Result<()> {
        let input = fitting(state, "items.input", &self.input.values)?;
        self.input.load(input)?;
        if let Some(output) = &mut self.output {
            output.load(fitting(state, "items.output", &output.values)?)?;
        }
        Ok(())
    }
}

fn check(embedding: &Embedding) -> Result<()> {
    let bad = |what: &str, expected: String, tensor: &Tensor| Error::Shape {
        what: what.to_owned(),
        expected,
        found: format!("{:?}", tensor.size()),
    };
    let free = &embedding.free;
    if free.size().len() != 2 || free.size()[0] == 0 || embedding.dim() == 0 {
        return Err(bad(
            "embedding",
            "free columns f32 [V,k], V ≥ 1".to_owned(),
            free,
        ));
    }
    if let Some(guided) = &embedding.guided {
        let (items, m) = (embedding.n_items(), embedding.guided_dim());
        if guided.items.size() != [items, m] {
            let expected = format!("guided columns f32 [V={items},m={m}]");
            return Err(bad("embedding", expected, &guided.items));
        }
    }
    Ok(())
}

/// A base embedding of random values (normal, deviation 0.02): identifiers whose meaning training finds.
///
/// # Errors
/// When memory is short.
pub fn identifier_embedding(n_items: usize, dim: i64, seed: u64) -> Result<Embedding> {
    seed::libtorch(seed, Purpose::Table, [0, 0]);
    let free = Tensor::f_randn([n_items as i64, dim], (Kind::Float, Device::Cpu))?;
    Ok(Embedding {
        guided: None,
        free: free.f_mul_scalar(0.02)?,
        free_trainable: true,
        tied: true,
        scoring: Scoring::default(),
    })
}
