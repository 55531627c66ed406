//! Tensors as values of Lua.

mod make;
mod operations;

use std::cell::RefCell;
use std::rc::Rc;

use lapidary_core::{Error, device};
use lapidary_sdk::random;
use mlua::{FromLua, Lua, MetaMethod, UserData, UserDataFields, UserDataMethods, Value, Variadic};
use tch::{Kind, TchError, Tensor};

pub(super) use make::{install, install_files, install_gradients};

use crate::convert::raise;
use crate::heap::{Heap, Held};
use crate::object::{Object, expectation, name_it, no_member};

/// A tensor that Lua holds. `free` empties it at once.
#[derive(Clone)]
pub(crate) struct TensorHandle {
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

    /// What counts it.
    pub fn heap(&self) -> &Rc<Heap> {
        &self.heap
    }

    fn map(
        &self,
        lua: &Lua,
        f: impl FnOnce(&Tensor) -> Result<Tensor, TchError>,
    ) -> mlua::Result<Self> {
        let tensor = self.get()?;
        Self::new(lua, &self.heap, self.heap.compute(|| f(&tensor)))
    }

    /// An operation with several results.
    fn map_all(
        &self,
        lua: &Lua,
        f: impl FnOnce(&Tensor) -> Result<Vec<Tensor>, TchError>,
    ) -> mlua::Result<Variadic<Self>> {
        let tensor = self.get()?;
        let made = self.heap.compute(|| f(&tensor)).map_err(raise)?;
        let hand = |made| Self::new(lua, &self.heap, Ok(made));
        made.into_iter().map(hand).collect()
    }

    /// Places `first` to `last` of a dimension.
    fn slice(&self, lua: &Lua, dim: i64, first: i64, last: i64) -> mlua::Result<Self> {
        let along = dimension(dim)?;
        let size = self.get()?.size();
        let at = if along < 0 {
            along + size.len() as i64
        } else {
            along
        };
        let n = size.get(at.max(0) as usize).copied().unwrap_or(0);
        if first < 1 || last > n || first > last {
            let what = if dim == 1 {
                "rows".to_owned()
            } else {
                format!("places of dimension {dim}")
            };
            let reason = format!("{what} {first} to {last} of a tensor with {what} 1 to {n}");
            return Err(raise(Error::setting("tensor", reason)));
        }
        self.map(lua, |t| t.f_narrow(along, first - 1, last - first + 1))
    }

    fn shuffled(&self, lua: &Lua, seed: u64) -> mlua::Result<Self> {
        self.map(lua, |t| {
            let rows = t.size().first().copied().unwrap_or(0) as usize;
            let order = random::permutation(&mut random::generator(seed), rows);
            t.f_index_select(0, &Tensor::f_from_slice(&order)?.f_to_device(t.device())?)
        })
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
            return Err(raise(no_member::<Self>(key)));
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

/// A dimension as libtorch counts it; in Lua they count from 1, or backwards from −1.
fn dimension(dim: i64) -> mlua::Result<i64> {
    match dim {
        0 => {
            let reason = "dimensions count from 1, or backwards from -1; there is no 0";
            Err(raise(Error::setting("tensor", reason)))
        }
        dim if dim > 0 => Ok(dim - 1),
        dim => Ok(dim),
    }
}

impl FromLua for TensorHandle {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(data) if data.is::<Self>() => data.borrow::<Self>().map(|t| t.clone()),
            other => Err(mlua::Error::runtime(expectation::<Self>(other))),
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

impl Operand {
    /// The operand as a tensor of the type and on the device that suit another one.
    fn beside(self, other: &Tensor) -> mlua::Result<Rc<Tensor>> {
        let number = match self {
            Self::Tensor(t) => return t.get(),
            Self::Number(number) => number,
        };
        let kind = match other.f_kind() {
            Ok(Kind::Double) => Kind::Double,
            _ => Kind::Float,
        };
        Tensor::f_full([0i64; 0], number, (kind, other.device()))
            .map(Rc::new)
            .map_err(raise)
    }
}

type Operation = fn(&Tensor, &Tensor) -> Result<Tensor, TchError>;

fn binary(lua: &Lua, sides: (Operand, Operand), f: Operation) -> mlua::Result<TensorHandle> {
    let (heap, one) = match &sides {
        (Operand::Tensor(t), _) | (_, Operand::Tensor(t)) => (Rc::clone(&t.heap), t.get()?),
        _ => return Err(raise(Error::setting("tensor", "neither side is a tensor"))),
    };
    let (a, b) = (sides.0.beside(&one)?, sides.1.beside(&one)?);
    TensorHandle::new(lua, &heap, heap.compute(|| f(&a, &b)))
}

impl Object for TensorHandle {
    const NAME: &'static str = "a tensor";
    const RECEIVER: &'static str = "t";
    const FROM: &'static str = "lapidary.tensor { 1, 2 }";
    const MEMBERS: &'static [&'static str] = &[
        "shape",
        "device",
        "dtype",
        "abs",
        "exp",
        "log",
        "sqrt",
        "sin",
        "cos",
        "sigmoid",
        "tanh",
        "relu",
        "gelu",
        "silu",
        "sign",
        "isnan",
        "logical_not",
        "detach",
        "mean",
        "sum",
        "norm",
        "var",
        "nanmean",
        "logsumexp",
        "max",
        "min",
        "softmax",
        "log_softmax",
        "cumsum",
        "cumprod",
        "flip",
        "unsqueeze",
        "squeeze",
        "eq",
        "lt",
        "le",
        "gt",
        "ge",
        "maximum",
        "minimum",
        "transpose",
        "permute",
        "reshape",
        "expand",
        "to_device",
        "to_dtype",
        "rows",
        "slice",
        "select",
        "index",
        "gather",
        "argmax",
        "sort",
        "masked_fill",
        "where",
        "clamp",
        "shuffled",
        "linear",
        "layer_norm",
        "dropout",
        "tril",
        "triu",
        "matmul",
        "eigh",
        "svd",
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
        methods.add_meta_method(MetaMethod::Unm, |l, t, ()| t.map(l, Tensor::f_neg));
        methods.add_meta_method(MetaMethod::Len, |_, t, ()| {
            Ok(t.get()?.size().first().copied().unwrap_or(0))
        });
        methods.add_meta_method(MetaMethod::Index, |l, t, key: Value| t.index(l, &key));
        methods.add_meta_method(MetaMethod::ToString, |_, t, ()| {
            Tensor::to_string(&*t.get()?, 100).map_err(raise)
        });
        operations::add(methods);
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
