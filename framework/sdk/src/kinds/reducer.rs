//! Reducers: narrower tables.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::component::{Component, Kind, Method, Stateful};
use crate::error::{Error, Result};
use crate::serve::{Incoming, Serve};

/// Fits on a table and transforms tables to fewer columns.
pub trait Reducer: Stateful {
    /// Learns how to reduce to `dim` columns. Returns the share of variance that each column explains, where it has
    /// such a measure.
    ///
    /// # Shapes
    /// `table` f32 `[V,d]`.
    ///
    /// # Errors
    /// When `dim` is not in 1..=d or the table cannot be used.
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>>;

    /// Reduces a table.
    ///
    /// # Shapes
    /// `table` f32 `[N,d]`; result f32 `[N,dim]`.
    ///
    /// # Errors
    /// When it was not fitted, or fitted on another width.
    fn transform(&self, table: &Tensor) -> Result<Tensor>;
}

/// What the host tells a reducer on creation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReducerContext {
    /// Seed for all that is random.
    pub seed: u64,
}

/// Method numbers.
pub mod method {
    /// `fit`.
    pub const FIT: u32 = 1;
    /// `transform`.
    pub const TRANSFORM: u32 = 2;
}

/// Arguments of `fit` that are not tensors.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct FitArguments {
    /// Columns of the reduced table.
    pub dim: i64,
}

/// Reply of `fit`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FitReply {
    /// Share of variance that each column explains, or null.
    pub explained_variance: Option<Vec<f64>>,
}

/// The methods of a reducer, as written in `ABI.md`.
pub fn methods() -> Vec<Method> {
    vec![
        Method::new(method::FIT, "fit", &["table f32 [V,d]"], &[]),
        Method::new(
            method::TRANSFORM,
            "transform",
            &["table f32 [N,d]"],
            &["reduced f32 [N,dim]"],
        ),
    ]
}

/// Serves reducers.
pub struct ReducerKind;

impl<T: Component<Context = ReducerContext> + Reducer> Serve<T> for ReducerKind {
    const KIND: Kind = Kind::Reducer;

    fn invoke(instance: &mut T, number: u32, call: &mut Incoming<'_>) -> Result<()> {
        match number {
            method::FIT => {
                let FitArguments { dim } = call.arguments()?;
                let explained_variance = instance.fit(call.input("table")?, dim)?;
                call.reply(&FitReply { explained_variance })
            }
            method::TRANSFORM => {
                let reduced = instance.transform(call.input("table")?)?;
                call.give("reduced", reduced)
            }
            other => Err(Error::Unsupported(other)),
        }
    }
}
