//! Tensors as values of Lua.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use lapidary_core::{Error, device, files};
use lapidary_sdk::random;
use mlua::{
    FromLua, Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods, Value, Variadic,
};
use tch::{Device, Kind, TchError, Tensor};

use crate::convert::{raise, show};
use crate::heap::{Heap, Held};
use crate::object::{Object, name_it, no_member, unexpected};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let tensor = move |lua: &Lua, values: Value| {
        let (mut flat, mut shape) = (Vec::new(), Vec::new());
        flatten(&values, 0, &mut shape, &mut flat)?;
        let made =
            Tensor::f_from_slice(&flat).and_then(|t| t.f_reshape(&shape)?.f_to_kind(Kind::Float));
        TensorHandle::new(lua, &s.heap, made)
    };
    api.raw_set("tensor", lua.create_function(tensor)?)?;

    let s = Rc::clone(session);
    let zeros = move |lua: &Lua, shape: Variadic<i64>| {
        let values = shape.iter().map(|&n| n.max(0) as usize);
        let bytes = values.fold(size_of::<f32>(), usize::saturating_mul);
        s.heap.refuse_over_limit(lua, bytes)?;
        TensorHandle::new(
            lua,
            &s.heap,
            Tensor::f_zeros(&shape[..], (Kind::Float, s.context.device)),
        )
    };
    api.raw_set("zeros", lua.create_function(zeros)?)?;

    let s = Rc::clone(session);
    let normal = move |lua: &Lua, (seed, rows, columns): (u64, i64, i64)| {
        let values = (rows.max(0) as usize).saturating_mul(columns.max(0) as usize);
        s.heap
            .refuse_over_limit(lua, values.saturating_mul(size_of::<f64>()))?;
        let mut generator = random::generator(seed);
        let drawn = random::normal(&mut generator, rows.max(0), columns.max(0))
            .map_err(|e| raise(Error::setting("normal", e.to_string())))?;
        let device = s.context.device;
        TensorHandle::new(
            lua,
            &s.heap,
            drawn
                .f_to_kind(Kind::Float)
                .and_then(|t| t.f_to_device(device)),
        )
    };
    api.raw_set("normal", lua.create_function(normal)?)?;

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

/// A tensor that Lua holds. `free` empties it at once.
#[derive(Clone)]
pub(super) struct TensorHandle {
    inner: Rc<RefCell<Option<Counted>>>,
    heap: Rc<Heap>,
}

/// A tensor and its bytes in the heap's count.
struct Counted {
    tensor: Rc<Tensor>,
    _held: Held,
}

impl TensorHandle {
    /// Hands a tensor to Lua and counts its bytes.
    pub fn new(lua: &Lua, heap: &Rc<Heap>, tensor: Result<Tensor, TchError>) -> mlua::Result<Self> {
        let tensor = tensor.map_err(raise)?;
        let bytes = tensor.numel() * tensor.f_kind().map_err(raise)?.elt_size_in_bytes();
        let held = heap.hold(lua, bytes)?;
        let inner = Rc::new(RefCell::new(Some(Counted {
            tensor: Rc::new(tensor),
            _held: held,
        })));
        Ok(Self {
            inner,
            heap: Rc::clone(heap),
        })
    }

    /// The tensor.
    pub fn get(&self) -> mlua::Result<Rc<Tensor>> {
        let held = self.inner.borrow();
        let tensor = held.as_ref().map(|counted| Rc::clone(&counted.tensor));
        tensor.ok_or_else(|| raise(Error::setting("tensor", "it was freed with `free()`")))
    }

    fn map(
        &self,
        lua: &Lua,
        f: impl FnOnce(&Tensor) -> Result<Tensor, TchError>,
    ) -> mlua::Result<Self> {
        let tensor = self.get()?;
        Self::new(lua, &self.heap, tch::no_grad(|| f(&tensor)))
    }

    /// Reduces one dimension, counted from 1, or all of them.
    fn reduce(&self, lua: &Lua, dim: Option<i64>, how: Reduction) -> mlua::Result<Self> {
        let dims: Option<Vec<i64>> = dim.map(|d| vec![if d > 0 { d - 1 } else { d }]);
        self.map(lua, |t| match how {
            Reduction::Mean => t.f_mean_dim(dims.as_deref(), false, Kind::Float),
            Reduction::Sum => t.f_sum_dim_intlist(dims.as_deref(), false, Kind::Float),
            Reduction::Norm => {
                let dims = dims.unwrap_or_else(|| (0..t.dim() as i64).collect());
                t.f_norm_scalaropt_dim(2.0, &dims[..], false)
            }
        })
    }

    fn rows(&self, lua: &Lua, first: i64, last: i64) -> mlua::Result<Self> {
        let n = self.get()?.size().first().copied().unwrap_or(0);
        if first < 1 || last > n || first > last {
            let reason = format!("rows {first} to {last} of a tensor with rows 1 to {n}");
            return Err(raise(Error::setting("tensor", reason)));
        }
        self.map(lua, |t| t.f_narrow(0, first - 1, last - first + 1))
    }

    fn item(&self) -> mlua::Result<f64> {
        let tensor = self.get()?;
        match tensor.numel() {
            1 => tensor
                .f_reshape([1i64])
                .and_then(|t| t.f_double_value(&[0]))
                .map_err(raise),
            n => {
                let reason = format!("`item()` needs one value; this has {n}");
                Err(raise(Error::setting("tensor", reason)))
            }
        }
    }

    /// `t[i]`: row `i`, counted from 1; a number when one value is left.
    fn index(&self, lua: &Lua, key: &Value) -> mlua::Result<Value> {
        let tensor = self.get()?;
        let n = tensor.size().first().copied().unwrap_or(0);
        let Value::Integer(i) = key else {
            return Err(no_member::<Self>(key));
        };
        if *i < 1 || *i > n {
            let reason = format!("row {i} of a tensor with rows 1 to {n}");
            return Err(raise(Error::setting("tensor", reason)));
        }
        let row = tensor.f_select(0, i - 1).map_err(raise)?;
        if row.dim() == 0 {
            return Ok(Value::Number(row.f_double_value(&[]).map_err(raise)?));
        }
        Ok(Value::UserData(lua.create_userdata(Self::new(
            lua,
            &self.heap,
            Ok(row),
        )?)?))
    }
}

enum Reduction {
    Mean,
    Sum,
    Norm,
}

impl FromLua for TensorHandle {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(data) if data.is::<Self>() => data.borrow::<Self>().map(|t| t.clone()),
            other => Err(unexpected::<Self>("wrong argument", other)),
        }
    }
}

/// A side of an operation: a tensor or a number.
enum Operand {
    Tensor(TensorHandle),
    Number(f64),
}

impl FromLua for Operand {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        match value {
            Value::Integer(n) => Ok(Self::Number(n as f64)),
            Value::Number(n) => Ok(Self::Number(n)),
            other => TensorHandle::from_lua(other, lua).map(Self::Tensor),
        }
    }
}

type Operation = fn(&Tensor, &Tensor) -> Result<Tensor, TchError>;

fn binary(lua: &Lua, sides: (Operand, Operand), f: Operation) -> mlua::Result<TensorHandle> {
    let (heap, device) = match &sides {
        (Operand::Tensor(t), _) | (_, Operand::Tensor(t)) => {
            (Rc::clone(&t.heap), t.get()?.device())
        }
        _ => return Err(raise(Error::setting("tensor", "neither side is a tensor"))),
    };
    let as_tensor = |side: Operand| match side {
        Operand::Tensor(t) => t.get(),
        Operand::Number(n) => Tensor::f_from_slice(&[n as f32])
            .and_then(|t| t.f_squeeze()?.f_to_device(device))
            .map(Rc::new)
            .map_err(raise),
    };
    let (a, b) = (as_tensor(sides.0)?, as_tensor(sides.1)?);
    TensorHandle::new(lua, &heap, tch::no_grad(|| f(&a, &b)))
}

impl Object for TensorHandle {
    const NAME: &'static str = "a tensor";
    const FROM: &'static str = "lapidary.tensor { 1, 2 }";
    const MEMBERS: &'static [&'static str] = &[
        "shape",
        "device",
        "dtype",
        "matmul",
        "transpose",
        "rows",
        "shuffled",
        "mean",
        "sum",
        "norm",
        "exp",
        "log",
        "sqrt",
        "softmax",
        "reshape",
        "to_device",
        "item",
        "totable",
        "free",
    ];
}

impl UserData for TensorHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("shape", |_, t| Ok(t.get()?.size()));
        fields.add_field_method_get("device", |_, t| Ok(device::name(t.get()?.device())));
        fields.add_field_method_get("dtype", |_, t| {
            let kind = t.get()?.f_kind().map_err(raise)?;
            Ok(format!("{kind:?}").to_lowercase())
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_function(MetaMethod::Add, |l, ab| binary(l, ab, |a, b| a.f_add(b)));
        methods.add_meta_function(MetaMethod::Sub, |l, ab| binary(l, ab, |a, b| a.f_sub(b)));
        methods.add_meta_function(MetaMethod::Mul, |l, ab| binary(l, ab, |a, b| a.f_mul(b)));
        methods.add_meta_function(MetaMethod::Div, |l, ab| binary(l, ab, |a, b| a.f_div(b)));
        methods.add_meta_function(MetaMethod::Pow, |l, ab| binary(l, ab, |a, b| a.f_pow(b)));
        methods.add_meta_method(MetaMethod::Unm, |l, t, ()| t.map(l, |t| t.f_neg()));
        methods.add_meta_method(MetaMethod::Len, |_, t, ()| {
            Ok(t.get()?.size().first().copied().unwrap_or(0))
        });
        methods.add_meta_method(MetaMethod::Index, |l, t, key: Value| t.index(l, &key));
        methods.add_meta_method(MetaMethod::ToString, |_, t, ()| {
            Tensor::to_string(&*t.get()?, 100).map_err(raise)
        });
        methods.add_method("matmul", |l, t, other: Self| {
            let other = other.get()?;
            t.map(l, |t| t.f_matmul(&other))
        });
        methods.add_method("transpose", |l, t, ()| t.map(l, |t| t.f_transpose(-2, -1)));
        methods.add_method("rows", |l, t, (first, last)| t.rows(l, first, last));
        methods.add_method("shuffled", |l, t, seed: u64| {
            t.map(l, |t| {
                let rows = t.size().first().copied().unwrap_or(0) as usize;
                let order = random::permutation(&mut random::generator(seed), rows);
                t.f_index_select(0, &Tensor::f_from_slice(&order)?.f_to_device(t.device())?)
            })
        });
        methods.add_method("mean", |l, t, dim| t.reduce(l, dim, Reduction::Mean));
        methods.add_method("sum", |l, t, dim| t.reduce(l, dim, Reduction::Sum));
        methods.add_method("norm", |l, t, dim| t.reduce(l, dim, Reduction::Norm));
        methods.add_method("exp", |l, t, ()| t.map(l, |t| t.f_exp()));
        methods.add_method("log", |l, t, ()| t.map(l, |t| t.f_log()));
        methods.add_method("sqrt", |l, t, ()| t.map(l, |t| t.f_sqrt()));
        methods.add_method("softmax", |l, t, ()| {
            t.map(l, |t| t.f_softmax(-1, Kind::Float))
        });
        methods.add_method("reshape", |l, t, shape: Variadic<i64>| {
            t.map(l, |t| t.f_reshape(&shape[..]))
        });
        methods.add_method("to_device", |l, t, name: String| {
            let device = device::parse(&name).map_err(raise)?;
            t.map(l, |t| t.f_to_device(device))
        });
        methods.add_method("item", |_, t, ()| t.item());
        methods.add_method("totable", |lua, t, ()| to_table(lua, &*t.get()?));
        methods.add_method("free", |_, t, ()| {
            t.inner.borrow_mut().take();
            Ok(())
        });
    }
}

fn to_table(lua: &Lua, tensor: &Tensor) -> mlua::Result<Value> {
    let Some(&n) = tensor.size().first() else {
        return Ok(Value::Number(tensor.f_double_value(&[]).map_err(raise)?));
    };
    let table = lua.create_table_with_capacity(n as usize, 0)?;
    for i in 0..n {
        let row = tensor.f_select(0, i).map_err(raise)?;
        table.raw_set(i + 1, to_table(lua, &row)?)?;
    }
    Ok(Value::Table(table))
}
