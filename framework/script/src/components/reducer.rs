//! Reducers in Lua.

use std::rc::Rc;

use lapidary_sdk::kinds::{Reducer, ReducerContext};
use lapidary_sdk::{Error, Result, State, Stateful};
use mlua::Value;
use serde_json::{Value as Json, json};
use tch::{Device, Tensor};

use super::instance::{Argument, Instance, Source};

/// What outlasts a call stands in `self.state`: tensors by name.
const STATE: &str = "state";

struct LuaReducer {
    instance: Instance,
    /// Columns of the table that it was fitted on, and those of reduced tables.
    fitted: Option<(i64, i64)>,
}

pub(super) fn create(
    source: &Rc<Source>,
    settings: &Json,
    context: &ReducerContext,
) -> Result<Box<dyn Reducer>> {
    let instance = Instance::create(source, settings, &json!(context), Device::Cpu)?;
    Ok(Box::new(LuaReducer {
        instance,
        fitted: None,
    }))
}

/// Rows and columns of a table.
fn table_size(table: &Tensor) -> Result<(i64, i64)> {
    match table.size().as_slice() {
        [rows, columns] => Ok((*rows, *columns)),
        other => Err(Error::invalid(format!(
            "expected a table [N,d], found {other:?}"
        ))),
    }
}

impl Reducer for LuaReducer {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        let (_, columns) = table_size(table)?;
        if !(1..=columns).contains(&dim) {
            let reason = format!("a table of {columns} columns cannot be reduced to {dim}");
            return Err(Error::invalid(reason));
        }
        self.fitted = None;
        let arguments = [Argument::Tensor(&table.f_detach()?), Argument::Number(dim)];
        let shares = match self.instance.call("fit", &arguments)? {
            Value::Nil => None,
            Value::Table(shares) => Some(
                shares
                    .sequence_values()
                    .collect::<mlua::Result<_>>()
                    .map_err(|_| {
                        self.instance
                            .error("`fit` may return the shares of variance: a list of numbers")
                    })?,
            ),
            _ => {
                let reason = "`fit` returns nothing, or a list of the shares of variance that the columns explain";
                return Err(self.instance.error(reason));
            }
        };
        self.fitted = Some((columns, dim));
        Ok(shares)
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        let (width, _) = self
            .fitted
            .ok_or_else(|| Error::invalid("it was not fitted yet"))?;
        let (_, columns) = table_size(table)?;
        if columns != width {
            let reason = format!("fitted on {width} columns, but this table has {columns}");
            return Err(Error::invalid(reason));
        }
        let reduced = self
            .instance
            .call("transform", &[Argument::Tensor(&table.f_detach()?)])?;
        Ok(self.instance.tensor("transform", &reduced)?.f_detach()?)
    }
}

impl Stateful for LuaReducer {
    fn save(&self) -> Result<State> {
        let Some((width, dim)) = self.fitted else {
            return Ok(State::default());
        };
        Ok(State {
            tensors: self.instance.tensors(STATE)?,
            json: json!({"width": width, "dim": dim}),
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        let number = |key: &str| state.json[key].as_i64();
        self.fitted = number("width").zip(number("dim"));
        if self.fitted.is_none() && !state.tensors.is_empty() {
            return Err(self
                .instance
                .error("the state to load is not of this component"));
        }
        self.instance.set_tensors(STATE, &state.tensors)
    }
}
