//! Users who are moved along attributes.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::refuse_without_attributes;
use crate::error::{Error, Result};
use crate::rank::{Query, Scorer};
use crate::train::Model;

/// Below this spread items score the same on an attribute.
const CONSTANT: f64 = 1e-6;

/// How far users are moved along attributes, by name.
///
/// With a step of 1 an item that stands one standard deviation above the mean of all items on the attribute gains one standard
/// deviation of the user's own scores. So a step has the same force on every attribute, for every user and in every model,
/// however long its vectors are; 0 changes nothing, and with large steps the attribute alone decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Steer(pub BTreeMap<String, f64>);

impl Steer {
    /// Whether nobody is moved.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses steps along what a model does not have, and steps that are no numbers.
    ///
    /// # Errors
    /// [`Error::Setting`], or [`Error::Unknown`] with the nearest attribute.
    pub fn check(&self, attributes: &[String]) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        refuse_without_attributes("steer", attributes)?;
        for (name, step) in &self.0 {
            if !attributes.contains(name) {
                return Err(Error::unknown("attribute", name, attributes));
            }
            if !step.is_finite() {
                let place = format!("steer, `{name}`");
                return Err(Error::setting(place, format!("{step} is not a number")));
            }
        }
        Ok(())
    }

    /// What a user whose scores have a spread of 1 is moved by, f32 `[d]`, against items `table` `[V,d]`; none where nobody is
    /// moved.
    fn direction(&self, attributes: &[String], table: &Tensor) -> Result<Option<Tensor>> {
        self.check(attributes)?;
        if self.0.values().all(|step| *step == 0.0) {
            return Ok(None);
        }
        let spread = table.f_std_dim([0i64].as_slice(), false, false)?;
        let spread = Vec::<f64>::try_from(spread.f_to_kind(Kind::Double)?)?;
        let mut by = vec![0.0f32; spread.len()];
        for (column, (name, spread)) in attributes.iter().zip(spread).enumerate() {
            let step = self.0.get(name).copied().unwrap_or(0.0);
            if step != 0.0 && spread < CONSTANT {
                let reason = "all items score the same on it, so it moves none before another";
                return Err(Error::setting(format!("steer, `{name}`"), reason));
            }
            if step != 0.0 {
                by[column] = (step / spread) as f32;
            }
        }
        Ok(Some(
            Tensor::f_from_slice(&by)?.f_to_device(table.device())?,
        ))
    }
}

impl fmt::Display for Steer {
    /// `humor +2, scares -1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.0.iter().map(|(name, step)| format!("{name} {step:+}"));
        f.write_str(&steps.collect::<Vec<_>>().join(", "))
    }
}

/// A model asked by users who are moved.
pub struct Steered<'a> {
    model: &'a Model,
    /// Item vectors, `[d,V]`.
    table: Tensor,
    direction: Option<Tensor>,
}

impl<'a> Steered<'a> {
    /// Moves all users of a model.
    ///
    /// # Errors
    /// As [`Steer::check`]; [`Error::Setting`] for an attribute on which all items score the same.
    pub fn new(model: &'a Model, steer: &Steer) -> Result<Self> {
        let _no_grad = tch::no_grad_guard();
        let table = model.output_table()?;
        Ok(Self {
            direction: steer.direction(model.attributes(), &table)?,
            table: table.f_transpose(0, 1)?,
            model,
        })
    }

    /// The vectors of moved users, f32 `[B,d]`: as [`Model::user_vectors`] gives them, then moved. A user to whom all items
    /// are the same counts as one whose scores have a spread of 1.
    ///
    /// # Errors
    /// As [`Model::user_vectors`].
    pub fn user_vectors(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let _no_grad = tch::no_grad_guard();
        let users = self.model.user_vectors(queries)?;
        let Some(direction) = &self.direction else {
            return Ok(users);
        };
        let scores = users.f_mm(&self.table)?;
        let spread = scores.f_std_dim([1i64].as_slice(), false, true)?;
        let spread = spread.f_masked_fill(&spread.f_eq(0.0)?, 1.0)?;
        Ok(users.f_add(&spread.f_mul(direction)?)?)
    }
}

impl Scorer for Steered<'_> {
    fn n_items(&self) -> i64 {
        self.model.n_items()
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let _no_grad = tch::no_grad_guard();
        Ok(self.user_vectors(queries)?.f_mm(&self.table)?)
    }
}
