//! An instance of a component: a Lua state of its own, and calls into it.

use std::path::PathBuf;
use std::rc::Rc;

use lapidary_sdk::{Error, Result};
use mlua::{FromLua, Function, IntoLua, Lua, MultiValue, Table, Value};
use serde_json::Value as Json;
use tch::{Device, Tensor};

use crate::api::{self, TensorHandle};
use crate::convert::{show, to_lua};
use crate::heap::Heap;
use crate::{error, sandbox};

/// Bytes that the tensors of one instance may hold in Lua.
const TENSOR_LIMIT: usize = 8 << 30;

/// A component's file as it was read.
pub(super) struct Source {
    /// As messages show it.
    pub path: PathBuf,
    pub text: String,
}

impl Source {
    /// The file's name without its ending: what a component is called that does not say so itself.
    pub fn stem(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// An error of Lua as the host shows it.
    pub fn data(&self, error: &mlua::Error) -> lapidary_core::Error {
        let error = error::Error::from_lua(&self.path, &self.text, error);
        if error.is_interrupt() {
            return lapidary_core::Error::Interrupted;
        }
        let line = error.place.as_ref().and_then(|(_, line)| *line);
        lapidary_core::Error::data(&self.path, line.map(u64::from), error.with_line())
    }

    /// An error of Lua as a component reports it: file, line and what happened.
    pub fn report(&self, error: &mlua::Error) -> Error {
        let error = error::Error::from_lua(&self.path, &self.text, error);
        match error.is_interrupt() {
            true => Error::Interrupted,
            false => Error::invalid(error.to_string()),
        }
    }
}

/// A Lua state in which a component's file has run.
pub(super) struct State {
    pub lua: Lua,
    pub heap: Rc<Heap>,
    /// The table that the file returned.
    pub component: Table,
}

/// Runs a component's file in a state of its own. There is no `math.random`: what is drawn comes from a seed.
pub(super) fn open(source: &Source, device: Device) -> mlua::Result<State> {
    let lua = sandbox::new_state()?;
    let math: Table = lua.globals().raw_get("math")?;
    math.raw_remove("random")?;
    math.raw_remove("randomseed")?;
    let heap = Heap::with_gradients(TENSOR_LIMIT);
    api::install_for_component(&lua, &heap, device)?;
    let name = error::chunk_name(&source.path);
    let chunk = lua.load(&source.text).set_name(format!("={name}"));
    let component = match chunk.call(())? {
        Value::Table(component) => component,
        other => {
            let text = format!(
                "the file must return a table that describes the component, not {}",
                show(&other)
            );
            return Err(mlua::Error::runtime(text));
        }
    };
    Ok(State {
        lua,
        heap,
        component,
    })
}

/// One instance.
pub(super) struct Instance {
    source: Rc<Source>,
    state: State,
    /// What `create` returned, or an empty table.
    object: Table,
}

impl Instance {
    /// Runs the file and its `create`.
    pub fn create(
        source: &Rc<Source>,
        settings: &Json,
        context: &Json,
        device: Device,
    ) -> Result<Self> {
        let made = || {
            let state = open(source, device)?;
            let object = match state.component.raw_get("create")? {
                Value::Function(create) => {
                    let arguments = (to_lua(&state.lua, settings)?, to_lua(&state.lua, context)?);
                    create.call(arguments)?
                }
                _ => Value::Table(state.lua.create_table()?),
            };
            let Value::Table(object) = object else {
                let text = format!("`create` must return a table, not {}", show(&object));
                return Err(mlua::Error::runtime(text));
            };
            Ok((state, object))
        };
        let (state, object) = made().map_err(|e| source.report(&e))?;
        Ok(Self {
            source: Rc::clone(source),
            state,
            object,
        })
    }

    /// Calls a function of the component with the instance's table first. Afterwards Lua lets go of what it no longer
    /// holds, so that tensors do not pile up between calls.
    pub fn call(&self, function: &str, arguments: &[Argument<'_>]) -> Result<Value> {
        let called = || {
            let Value::Function(function) = self.state.component.raw_get(function)? else {
                return Ok(None);
            };
            self.call_it(&function, arguments).map(Some)
        };
        let result = called().map_err(|e| self.source.report(&e))?;
        result.ok_or_else(|| Error::invalid(format!("it has no function `{function}`")))
    }

    fn call_it(&self, function: &Function, arguments: &[Argument<'_>]) -> mlua::Result<Value> {
        let lua = &self.state.lua;
        let mut all = MultiValue::with_capacity(arguments.len() + 1);
        all.push_back(Value::Table(self.object.clone()));
        let mut tensors = false;
        for argument in arguments {
            tensors |= matches!(argument, Argument::Tensor(_));
            all.push_back(argument.to_lua(lua, &self.state.heap)?);
        }
        let result = function.call(all);
        if tensors {
            lua.gc_collect()?;
        }
        result
    }

    /// The tensor that a function returned.
    pub fn tensor(&self, function: &str, value: &Value) -> Result<Tensor> {
        let handle = TensorHandle::from_lua(value.clone(), &self.state.lua);
        let tensor = handle.and_then(|handle| handle.get());
        let tensor = tensor.map_err(|_| {
            let path = self.source.path.display();
            Error::invalid(format!(
                "{path}: `{function}` must return a tensor, not {}",
                show(value)
            ))
        })?;
        Ok(tensor.shallow_clone())
    }

    /// Whether the component has that function.
    pub fn has(&self, function: &str) -> bool {
        self.state.component.contains_key(function).unwrap_or(false)
    }

    /// What stands under a name of the instance's table.
    pub fn field(&self, name: &str) -> Result<Value> {
        self.object
            .raw_get(name)
            .map_err(|e| self.source.report(&e))
    }

    /// Tensors by name under a name of the instance's table; names of tables within tables are joined by dots.
    pub fn tensors(&self, name: &str) -> Result<Vec<(String, Tensor)>> {
        let mut found = Vec::new();
        match self.field(name)? {
            Value::Nil => {}
            other => self.collect(name, "", &other, &mut found)?,
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    fn collect(
        &self,
        field: &str,
        name: &str,
        value: &Value,
        found: &mut Vec<(String, Tensor)>,
    ) -> Result<()> {
        let Value::Table(table) = value else {
            let handle = TensorHandle::from_lua(value.clone(), &self.state.lua);
            let tensor = handle.and_then(|handle| handle.get()).map_err(|_| {
                let path = self.source.path.display();
                let place = if name.is_empty() {
                    field.to_owned()
                } else {
                    format!("{field}.{name}")
                };
                Error::invalid(format!(
                    "{path}: `{place}` must hold tensors by name, not {}",
                    show(value)
                ))
            })?;
            found.push((name.to_owned(), tensor.shallow_clone()));
            return Ok(());
        };
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|e| self.source.report(&e))?;
            let key = key.to_string().map_err(|e| self.source.report(&e))?;
            let name = if name.is_empty() {
                key
            } else {
                format!("{name}.{key}")
            };
            self.collect(field, &name, &value, found)?;
        }
        Ok(())
    }

    /// Puts tensors by name into the instance's table.
    pub fn set_tensors(&self, field: &str, tensors: &[(String, Tensor)]) -> Result<()> {
        let put = || {
            let lua = &self.state.lua;
            let table = lua.create_table()?;
            for (name, tensor) in tensors {
                let copy = tensor.f_detach_copy();
                let handle = TensorHandle::new(lua, &self.state.heap, copy)?;
                place(lua, &table, name)?.raw_set(last_key(name), handle)?;
            }
            self.object.raw_set(field, table)
        };
        put().map_err(|e| self.source.report(&e))
    }

    /// An error of this component.
    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::invalid(format!("{}: {reason}", self.source.path.display()))
    }
}

/// The table in which the tensor of a dotted name stands; made where it is not there.
fn place(lua: &Lua, table: &Table, name: &str) -> mlua::Result<Table> {
    let Some((path, _)) = name.rsplit_once('.') else {
        return Ok(table.clone());
    };
    let mut at = table.clone();
    for part in path.split('.') {
        let key = key(part);
        at = match at.raw_get(key.clone())? {
            Value::Table(inner) => inner,
            _ => {
                let inner = lua.create_table()?;
                at.raw_set(key, &inner)?;
                inner
            }
        };
    }
    Ok(at)
}

fn last_key(name: &str) -> Key {
    key(name.rsplit_once('.').map_or(name, |(_, last)| last))
}

/// A key as it was before it became a part of a name: places of lists are numbers.
fn key(part: &str) -> Key {
    part.parse()
        .map_or_else(|_| Key::Name(part.to_owned()), Key::Place)
}

#[derive(Clone)]
enum Key {
    Place(i64),
    Name(String),
}

impl IntoLua for Key {
    fn into_lua(self, lua: &Lua) -> mlua::Result<Value> {
        match self {
            Self::Place(place) => place.into_lua(lua),
            Self::Name(name) => name.into_lua(lua),
        }
    }
}

/// What a function is called with.
pub(super) enum Argument<'a> {
    Tensor(&'a Tensor),
    Number(i64),
    Truth(bool),
    Json(Json),
}

impl Argument<'_> {
    fn to_lua(&self, lua: &Lua, heap: &Rc<Heap>) -> mlua::Result<Value> {
        match self {
            Self::Tensor(tensor) => {
                TensorHandle::new(lua, heap, Ok(tensor.shallow_clone()))?.into_lua(lua)
            }
            Self::Number(n) => Ok(Value::Integer(*n)),
            Self::Truth(truth) => Ok(Value::Boolean(*truth)),
            Self::Json(json) => to_lua(lua, json),
        }
    }
}
