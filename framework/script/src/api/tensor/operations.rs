//! What tensors can do, a table a form of operation. Gradients flow through all of them where the state records them.

use lapidary_core::{Error, device};
use lapidary_sdk::nn::dropout;
use mlua::{Lua, UserDataMethods, Variadic};
use tch::{Kind, TchError, Tensor};

use super::{Operand, TensorHandle, binary, dimension};
use crate::convert::raise;

type Made = Result<Tensor, TchError>;
type Element = fn(&Tensor) -> Made;
type Reduction = fn(&Tensor, &[i64], bool) -> Made;
type Along = fn(&Tensor, i64) -> Made;
type With = fn(&Tensor, &Tensor) -> Made;

/// By element.
const ELEMENTS: [(&str, Element); 15] = [
    ("abs", Tensor::f_abs),
    ("exp", Tensor::f_exp),
    ("log", Tensor::f_log),
    ("sqrt", Tensor::f_sqrt),
    ("sin", Tensor::f_sin),
    ("cos", Tensor::f_cos),
    ("sigmoid", Tensor::f_sigmoid),
    ("tanh", Tensor::f_tanh),
    ("relu", Tensor::f_relu),
    ("gelu", |t| t.f_gelu("none")),
    ("silu", Tensor::f_silu),
    ("sign", Tensor::f_sign),
    ("isnan", Tensor::f_isnan),
    ("logical_not", Tensor::f_logical_not),
    ("detach", Tensor::f_detach),
];

/// Over a dimension or all of them; with `true` the dimension stays, of size 1.
const REDUCTIONS: [(&str, Reduction); 8] = [
    ("mean", |t, dims, keep| {
        t.f_mean_dim(dims, keep, floating(t))
    }),
    ("sum", |t, dims, keep| {
        t.f_sum_dim_intlist(dims, keep, floating(t))
    }),
    ("norm", |t, dims, keep| {
        // tch panics where an operation that takes a number fails: wrong dimensions are found before.
        let _ = t.f_sum_dim_intlist(dims, keep, floating(t))?;
        let values = t.f_to_kind(floating(t))?;
        values.f_norm_scalaropt_dim(2.0, dims, keep)
    }),
    ("var", |t, dims, keep| t.f_var_dim(dims, false, keep)),
    ("nanmean", |t, dims, keep| {
        t.f_nanmean(dims, keep, floating(t))
    }),
    ("logsumexp", |t, dims, keep| t.f_logsumexp(dims, keep)),
    ("max", |t, dims, keep| t.f_amax(dims, keep)),
    ("min", |t, dims, keep| t.f_amin(dims, keep)),
];

/// Along a dimension, the last where none is named.
const ALONG: [(&str, Along); 7] = [
    ("softmax", |t, dim| t.f_softmax(dim, floating(t))),
    ("log_softmax", |t, dim| t.f_log_softmax(dim, floating(t))),
    ("cumsum", |t, dim| t.f_cumsum(dim, floating(t))),
    ("cumprod", |t, dim| t.f_cumprod(dim, floating(t))),
    ("flip", |t, dim| t.f_flip([dim])),
    ("unsqueeze", Tensor::f_unsqueeze),
    ("squeeze", Tensor::f_squeeze_dim),
];

/// With another tensor or a number.
const WITH: [(&str, With); 7] = [
    ("eq", Tensor::f_eq_tensor),
    ("lt", Tensor::f_lt_tensor),
    ("le", Tensor::f_le_tensor),
    ("gt", Tensor::f_gt_tensor),
    ("ge", Tensor::f_ge_tensor),
    ("maximum", Tensor::f_maximum),
    ("minimum", Tensor::f_minimum),
];

pub(super) fn add<M: UserDataMethods<TensorHandle>>(methods: &mut M) {
    for (name, f) in ELEMENTS {
        methods.add_method(name, move |l, t, ()| t.map(l, f));
    }
    for (name, f) in REDUCTIONS {
        let reduce = move |l: &Lua, t: &TensorHandle, (dim, keep): (Option<i64>, Option<bool>)| {
            let dims = match dim {
                Some(dim) => vec![dimension(dim)?],
                None => (0..t.get()?.dim() as i64).collect(),
            };
            t.map(l, |t| f(t, &dims, keep.unwrap_or(false)))
        };
        methods.add_method(name, reduce);
    }
    for (name, f) in ALONG {
        methods.add_method(name, move |l, t, dim: Option<i64>| {
            let dim = dimension(dim.unwrap_or(-1))?;
            t.map(l, |t| f(t, dim))
        });
    }
    for (name, f) in WITH {
        methods.add_method(name, move |l, t, other: Operand| {
            binary(l, (Operand::Tensor(t.clone()), other), f)
        });
    }
    shape(methods);
    choice(methods);
    layers(methods);
    algebra(methods);
}

/// Shape and place.
fn shape<M: UserDataMethods<TensorHandle>>(methods: &mut M) {
    methods.add_method("transpose", |l, t, (a, b): (Option<i64>, Option<i64>)| {
        let (a, b) = (dimension(a.unwrap_or(-2))?, dimension(b.unwrap_or(-1))?);
        t.map(l, |t| t.f_transpose(a, b))
    });
    methods.add_method("permute", |l, t, dims: Variadic<i64>| {
        let dims = dims.iter().map(|&d| dimension(d));
        let dims = dims.collect::<mlua::Result<Vec<_>>>()?;
        t.map(l, |t| t.f_permute(&dims[..]))
    });
    methods.add_method("reshape", |l, t, shape: Variadic<i64>| {
        t.map(l, |t| t.f_reshape(&shape[..]))
    });
    methods.add_method("expand", |l, t, shape: Variadic<i64>| {
        t.map(l, |t| t.f_expand(&shape[..], false))
    });
    methods.add_method("to_device", |l, t, name: String| {
        let device = device::parse(&name).map_err(raise)?;
        t.map(l, |t| t.f_to_device(device))
    });
    methods.add_method("to_dtype", |l, t, name: String| {
        let known = ["float", "double", "int64", "bool"];
        let kinds = [Kind::Float, Kind::Double, Kind::Int64, Kind::Bool];
        let found = known.into_iter().zip(kinds).find(|(n, _)| *n == name);
        let (_, kind) = found.ok_or_else(|| raise(Error::unknown("dtype", &name, known)))?;
        t.map(l, |t| t.f_to_kind(kind))
    });
}

/// Parts of a tensor, and values chosen by others. Places count from 1.
fn choice<M: UserDataMethods<TensorHandle>>(methods: &mut M) {
    methods.add_method("rows", |l, t, (first, last)| t.slice(l, 1, first, last));
    methods.add_method("slice", |l, t, (dim, first, last)| {
        t.slice(l, dim, first, last)
    });
    methods.add_method("select", |l, t, (dim, place): (i64, i64)| {
        let one = t.slice(l, dim, place, place)?;
        let dim = dimension(dim)?;
        one.map(l, |t| t.f_squeeze_dim(dim))
    });
    methods.add_method("index", |l, t, (dim, places): (i64, TensorHandle)| {
        let (dim, places) = (dimension(dim)?, places.get()?);
        t.map(l, |t| t.f_index_select(dim, &from_zero(&places, t)?))
    });
    methods.add_method("gather", |l, t, (dim, places): (i64, TensorHandle)| {
        let (dim, places) = (dimension(dim)?, places.get()?);
        t.map(l, |t| t.f_gather(dim, &from_zero(&places, t)?, false))
    });
    methods.add_method("argmax", |l, t, dim: Option<i64>| {
        let dim = dimension(dim.unwrap_or(-1))?;
        t.map(l, |t| t.f_argmax(dim, false)?.f_add_scalar(1))
    });
    methods.add_method(
        "sort",
        |l, t, (dim, descending): (Option<i64>, Option<bool>)| {
            let dim = dimension(dim.unwrap_or(-1))?;
            t.map_all(l, |t| {
                let (values, places) = t.f_sort(dim, descending.unwrap_or(false))?;
                Ok(vec![values, places.f_add_scalar(1)?])
            })
        },
    );
    methods.add_method("masked_fill", |l, t, (mask, value): (TensorHandle, f64)| {
        let mask = mask.get()?;
        t.map(l, |t| t.f_masked_fill(&mask, value))
    });
    methods.add_method("where", |l, t, (mask, other): (TensorHandle, Operand)| {
        let (mask, other) = (mask.get()?, other.beside(&*t.get()?)?);
        t.map(l, |t| t.f_where_self(&mask, &other))
    });
    methods.add_method("clamp", |l, t, (low, high): (Option<f64>, Option<f64>)| {
        let (low, high) = (
            low.unwrap_or(f64::NEG_INFINITY),
            high.unwrap_or(f64::INFINITY),
        );
        t.map(l, |t| t.f_to_kind(floating(t))?.f_clamp(low, high))
    });
    methods.add_method("shuffled", |l, t, seed: u64| t.shuffled(l, seed));
}

/// What networks are made of.
fn layers<M: UserDataMethods<TensorHandle>>(methods: &mut M) {
    type Two = (Option<TensorHandle>, Option<TensorHandle>);
    let get = |t: Option<TensorHandle>| t.map(|t| t.get()).transpose();
    methods.add_method(
        "linear",
        move |l, t, (weight, bias): (TensorHandle, Option<TensorHandle>)| {
            let (weight, bias) = (weight.get()?, get(bias)?);
            t.map(l, |t| t.f_linear(&weight, bias.as_deref()))
        },
    );
    methods.add_method(
        "layer_norm",
        move |l,
              t,
              (weight, bias, epsilon): (
            Option<TensorHandle>,
            Option<TensorHandle>,
            Option<f64>,
        )| {
            let both: Two = (weight, bias);
            let (weight, bias) = (get(both.0)?, get(both.1)?);
            t.map(l, |t| {
                let size = t.size();
                let last = &size[size.len().saturating_sub(1)..];
                t.f_layer_norm(
                    last,
                    weight.as_deref(),
                    bias.as_deref(),
                    epsilon.unwrap_or(1e-5),
                    true,
                )
            })
        },
    );
    methods.add_method("dropout", |l, t, (p, train): (f64, bool)| {
        if !(0.0..1.0).contains(&p) {
            let reason = format!("the share must be at least 0 and less than 1; found {p}");
            return Err(raise(Error::setting("dropout", reason)));
        }
        let tensor = t.get()?;
        let dropped = t.heap().compute(|| dropout(&tensor, p, train));
        let dropped = dropped.map_err(|e| raise(Error::setting("dropout", e.to_string())))?;
        TensorHandle::new(l, t.heap(), Ok(dropped))
    });
    methods.add_method("tril", |l, t, diagonal: Option<i64>| {
        t.map(l, |t| t.f_tril(diagonal.unwrap_or(0)))
    });
    methods.add_method("triu", |l, t, diagonal: Option<i64>| {
        t.map(l, |t| t.f_triu(diagonal.unwrap_or(0)))
    });
}

/// Matrices.
fn algebra<M: UserDataMethods<TensorHandle>>(methods: &mut M) {
    methods.add_method("matmul", |l, t, other: TensorHandle| {
        let other = other.get()?;
        t.map(l, |t| t.f_matmul(&other))
    });
    methods.add_method("eigh", |l, t, ()| {
        t.map_all(l, |t| {
            let (values, vectors) = t.f_linalg_eigh("L")?;
            Ok(vec![values, vectors])
        })
    });
    methods.add_method("svd", |l, t, ()| {
        t.map_all(l, |t| {
            let (u, s, v) = t.f_svd(true, true)?;
            Ok(vec![u, s, v])
        })
    });
}

/// The type of what is computed of a tensor's values: f64 stays, all else becomes f32.
fn floating(t: &Tensor) -> Kind {
    match t.f_kind() {
        Ok(Kind::Double) => Kind::Double,
        _ => Kind::Float,
    }
}

/// Places that count from 1 as libtorch counts them, on the device of the tensor that they point into.
fn from_zero(places: &Tensor, into: &Tensor) -> Made {
    places
        .f_to_kind(Kind::Int64)?
        .f_sub_scalar(1)?
        .f_to_device(into.device())
}
