//! Tensors from tables, numbers and files.

use std::path::Path;
use std::rc::Rc;

use lapidary_core::{Error, files};
use lapidary_sdk::random;
use mlua::{Lua, Table, Value, Variadic};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use super::{TensorHandle, dimension};
use crate::convert::{raise, read as read_settings, show};
use crate::heap::Heap;
use crate::session::Session;

/// What scripts and components have in common.
pub(in crate::api) fn install(
    lua: &Lua,
    api: &Table,
    heap: &Rc<Heap>,
    device: Device,
) -> mlua::Result<()> {
    let h = Rc::clone(heap);
    let tensor = move |lua: &Lua, values: Value| {
        let (mut flat, mut shape) = (Vec::new(), Vec::new());
        flatten(&values, 0, &mut shape, &mut flat)?;
        let made =
            Tensor::f_from_slice(&flat).and_then(|t| t.f_reshape(&shape)?.f_to_kind(Kind::Float));
        TensorHandle::new(lua, &h, made)
    };
    api.raw_set("tensor", lua.create_function(tensor)?)?;
    for (name, value) in [("zeros", 0.0), ("ones", 1.0)] {
        let h = Rc::clone(heap);
        let full = move |lua: &Lua, shape: Variadic<i64>| {
            room(lua, &h, &shape)?;
            let made = Tensor::f_empty(&shape[..], (Kind::Float, device));
            let made = made.and_then(|mut t| t.f_fill_(value));
            TensorHandle::new(lua, &h, made)
        };
        api.raw_set(name, lua.create_function(full)?)?;
    }
    let h = Rc::clone(heap);
    let eye = move |lua: &Lua, n: i64| {
        room(lua, &h, &[n, n])?;
        TensorHandle::new(lua, &h, Tensor::f_eye(n, (Kind::Float, device)))
    };
    api.raw_set("eye", lua.create_function(eye)?)?;
    let h = Rc::clone(heap);
    let arange = move |lua: &Lua, n: i64| {
        room(lua, &h, &[n])?;
        let options = (Kind::Float, device);
        TensorHandle::new(lua, &h, Tensor::f_arange_start(1, n.max(0) + 1, options))
    };
    api.raw_set("arange", lua.create_function(arange)?)?;
    let h = Rc::clone(heap);
    let normal = move |lua: &Lua, (seed, rows, columns): (u64, i64, i64)| {
        let (rows, columns) = (rows.max(0), columns.max(0));
        room(lua, &h, &[rows, columns, 2])?;
        let drawn = random::normal(&mut random::generator(seed), rows, columns)
            .map_err(|e| raise(Error::setting("normal", e.to_string())))?;
        let made = drawn
            .f_to_kind(Kind::Float)
            .and_then(|t| t.f_to_device(device));
        TensorHandle::new(lua, &h, made)
    };
    api.raw_set("normal", lua.create_function(normal)?)?;
    joins(lua, api, heap)
}

/// `cat` and `stack`.
fn joins(lua: &Lua, api: &Table, heap: &Rc<Heap>) -> mlua::Result<()> {
    type Join = fn(&[Rc<Tensor>], i64) -> Result<Tensor, TchError>;
    let both: [(&str, Join); 2] = [
        ("cat", |tensors, dim| Tensor::f_cat(tensors, dim)),
        ("stack", |tensors, dim| Tensor::f_stack(tensors, dim)),
    ];
    for (name, join) in both {
        let h = Rc::clone(heap);
        let joined = move |lua: &Lua, (tensors, dim): (Vec<TensorHandle>, Option<i64>)| {
            let tensors = tensors.iter().map(TensorHandle::get);
            let tensors = tensors.collect::<mlua::Result<Vec<_>>>()?;
            let dim = dimension(dim.unwrap_or(1))?;
            TensorHandle::new(lua, &h, h.compute(|| join(&tensors, dim)))
        };
        api.raw_set(name, lua.create_function(joined)?)?;
    }
    Ok(())
}

/// Asks for the bytes of an f32 tensor before they are taken.
fn room(lua: &Lua, heap: &Heap, shape: &[i64]) -> mlua::Result<()> {
    let values = shape.iter().map(|&n| n.max(0) as usize);
    heap.refuse_over_limit(lua, values.fold(size_of::<f32>(), usize::saturating_mul))
}

/// What components alone have: trainable tensors and gradients.
pub(in crate::api) fn install_gradients(
    lua: &Lua,
    api: &Table,
    heap: &Rc<Heap>,
    device: Device,
) -> mlua::Result<()> {
    let h = Rc::clone(heap);
    let parameter = move |lua: &Lua, (first, how): (Value, Option<Table>)| {
        let made = match first {
            Value::Table(shape) => {
                let shape: Vec<i64> = shape.sequence_values().collect::<mlua::Result<_>>()?;
                room(lua, &h, &shape)?;
                read_settings::<Initial>(how.as_ref(), "parameter")?.values(&shape)?
            }
            other => mlua::FromLua::from_lua(other, lua)
                .and_then(|t: TensorHandle| t.get()?.f_detach_copy().map_err(raise))?,
        };
        let parameter = made
            .f_to_kind(Kind::Float)
            .and_then(|t| t.f_to_device(device)?.f_set_requires_grad(true));
        TensorHandle::new(lua, &h, parameter)
    };
    api.raw_set("parameter", lua.create_function(parameter)?)?;
    let h = Rc::clone(heap);
    let gradients = move |lua: &Lua, (of, by): (TensorHandle, Table)| {
        let (mut keys, mut tensors) = (Vec::new(), Vec::new());
        for pair in by.pairs::<Value, TensorHandle>() {
            let (key, tensor) = pair?;
            keys.push(key);
            tensors.push(tensor.get()?);
        }
        let found = Tensor::f_run_backward(&[of.get()?], &tensors, true, false);
        let table = lua.create_table()?;
        for (key, gradient) in keys.into_iter().zip(found.map_err(raise)?) {
            table.raw_set(key, TensorHandle::new(lua, &h, Ok(gradient))?)?;
        }
        Ok(table)
    };
    api.raw_set("gradients", lua.create_function(gradients)?)
}

/// First values of a parameter.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Initial {
    std: Option<f64>,
    bound: Option<f64>,
    value: Option<f64>,
}

impl Initial {
    /// Drawn on the CPU from libtorch's generator, which the host seeds: equal seeds give equal values on every device.
    fn values(&self, shape: &[i64]) -> mlua::Result<Tensor> {
        let empty = || Tensor::f_empty(shape, (Kind::Float, Device::Cpu));
        let made = match (self.std, self.bound, self.value) {
            (Some(std), None, None) => empty().and_then(|mut t| t.f_normal_(0.0, std)),
            (None, Some(bound), None) => empty().and_then(|mut t| t.f_uniform_(-bound, bound)),
            (None, None, Some(value)) => empty().and_then(|mut t| t.f_fill_(value)),
            _ => {
                let reason = "one of `std` (normal draws), `bound` (uniform draws from −bound to bound) and `value` must be given";
                return Err(raise(Error::setting("parameter", reason)));
            }
        };
        made.map_err(raise)
    }
}

/// Files of tensors, for scripts.
pub(in crate::api) fn install_files(
    lua: &Lua,
    api: &Table,
    session: &Rc<Session>,
) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let load = move |lua: &Lua, name: String| {
        let path = s.find(&name).map_err(raise)?;
        let table = lua.create_table()?;
        for (name, tensor) in read(&path)? {
            table.raw_set(name, TensorHandle::new(lua, &s.heap, Ok(tensor))?)?;
        }
        Ok(table)
    };
    api.raw_set("load_tensors", lua.create_function(load)?)?;

    let s = Rc::clone(session);
    let save = move |_: &Lua, (name, tensors): (String, Table)| {
        let path = s.context.folder.file(&name).map_err(raise)?;
        let mut named = Vec::new();
        for pair in tensors.pairs::<String, TensorHandle>() {
            let (name, handle) = pair?;
            let tensor = handle
                .get()?
                .f_to_device(Device::Cpu)
                .and_then(|t| t.f_contiguous());
            named.push((name, tensor.map_err(raise)?));
        }
        named.sort_by(|a, b| a.0.cmp(&b.0));
        write(&path, &named)?;
        Ok(path.display().to_string())
    };
    api.raw_set("save_tensors", lua.create_function(save)?)
}

fn read(path: &Path) -> mlua::Result<Vec<(String, Tensor)>> {
    Tensor::read_safetensors(path)
        .map_err(|e| raise(Error::data(path, None, format!("no safetensors file: {e}"))))
}

fn write(path: &Path, named: &[(String, Tensor)]) -> mlua::Result<()> {
    files::replace(path, |new| Ok(Tensor::write_safetensors(named, new)?)).map_err(raise)
}

/// Reads nested tables of numbers row by row.
fn flatten(
    value: &Value,
    depth: usize,
    shape: &mut Vec<i64>,
    flat: &mut Vec<f64>,
) -> mlua::Result<()> {
    let wrong = |reason: String| raise(Error::setting("tensor", reason));
    match value {
        Value::Integer(n) if depth == shape.len() => flat.push(*n as f64),
        Value::Number(n) if depth == shape.len() => flat.push(*n),
        Value::Table(table) => {
            let length = table.raw_len();
            match shape.get(depth) {
                None if flat.is_empty() => shape.push(length as i64),
                Some(&known) if known == length as i64 => {}
                _ => {
                    let reason = format!("a row has {length} values, others have another number");
                    return Err(wrong(reason));
                }
            }
            for item in table.sequence_values::<Value>() {
                flatten(&item?, depth + 1, shape, flat)?;
            }
        }
        other => {
            let found = show(other);
            let reason =
                format!("expected nested tables of numbers of equal lengths, found {found}");
            return Err(wrong(reason));
        }
    }
    Ok(())
}
