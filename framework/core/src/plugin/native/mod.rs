//! Components behind C tables: arguments are encoded, calls made, and everything that comes back is checked before
//! anyone uses it. A file a kind wraps [`Instance`] into the trait of that kind.
#![allow(unsafe_code)]

mod backbone;
mod base_embedder;
mod exchange;
mod llm;
mod prompt_strategy;
mod reducer;

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Arc;

use lapidary_abi as abi;
use lapidary_abi::Status;
use lapidary_sdk::{Error, Kind, Result, State};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Kind as DType, Tensor};

use super::registry::{Factory, Origin};
use exchange::{Bytes, Received, lend};

/// A component of a library, or of this program: its table, and where it is from.
#[derive(Clone)]
pub(super) struct Native {
    table: abi::Component,
    pub(super) kind: Kind,
    pub(super) name: String,
    origin: Arc<Origin>,
}

impl Native {
    pub(super) fn new(
        table: abi::Component,
        kind: Kind,
        name: String,
        origin: Arc<Origin>,
    ) -> Self {
        Self {
            table,
            kind,
            name,
            origin,
        }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Kind and name, for messages.
    pub(super) fn label(&self) -> String {
        format!("{} `{}`", self.kind, self.name)
    }

    /// The first of the six functions that the table lacks.
    pub(super) fn missing_function(&self) -> Option<&'static str> {
        let table = &self.table;
        let functions = [
            ("describe", table.describe.is_some()),
            ("create", table.create.is_some()),
            ("invoke", table.invoke.is_some()),
            ("save", table.save.is_some()),
            ("load", table.load.is_some()),
            ("destroy", table.destroy.is_some()),
        ];
        functions.into_iter().find(|f| !f.1).map(|f| f.0)
    }

    /// The component's description, as it wrote it.
    pub(super) fn describe(&self) -> std::result::Result<String, String> {
        let (mut reply, mut error) = (Bytes::default(), Bytes::default());
        let describe = self.table.describe.ok_or("it cannot describe itself")?;
        // SAFETY: both sinks live until the call returns.
        let code = unsafe { describe(reply.sink(), error.sink()) };
        check(code, &error)
            .map_err(|failure| format!("it could not describe itself: {failure}"))?;
        reply.text().map_err(|e| format!("its description {e}"))
    }

    /// Makes an instance.
    fn create<C: Serialize>(&self, settings: &serde_json::Value, context: &C) -> Result<Instance> {
        #[derive(Serialize)]
        struct Config<'a, C> {
            settings: &'a serde_json::Value,
            context: &'a C,
        }
        let config = serde_json::to_string(&Config { settings, context })
            .map_err(Error::json("settings"))?;
        let mut pointer = std::ptr::null_mut();
        let mut error = Bytes::default();
        let create = self
            .table
            .create
            .ok_or_else(|| self.error("create", "its function is null"))?;
        // SAFETY: the text, the place and the sink live until the call returns.
        let code = unsafe { create(abi::Str::new(&config), &raw mut pointer, error.sink()) };
        super::host::end_stage();
        check(code, &error).map_err(|failure| self.failed("create", failure))?;
        if pointer.is_null() {
            return Err(self.error("create", "reported success, but gave no instance"));
        }
        Ok(Instance {
            native: self.clone(),
            pointer,
            poisoned: Cell::new(false),
        })
    }

    /// How the registry makes instances of it.
    pub(super) fn factory(self) -> Factory {
        match self.kind {
            Kind::Backbone => Factory::Backbone(Box::new(move |s, c| backbone::make(&self, s, c))),
            Kind::BaseEmbedder => {
                Factory::BaseEmbedder(Box::new(move |s, c| base_embedder::make(&self, s, c)))
            }
            Kind::Llm => Factory::Llm(Box::new(move |s, c| llm::make(&self, s, c))),
            Kind::PromptStrategy => {
                Factory::PromptStrategy(Box::new(move |s, c| prompt_strategy::make(&self, s, c)))
            }
            Kind::Reducer => Factory::Reducer(Box::new(move |s, c| reducer::make(&self, s, c))),
        }
    }

    fn error(&self, method: &str, message: impl Into<String>) -> Error {
        Error::Call {
            component: format!("{} ({})", self.label(), self.origin),
            method: method.to_owned(),
            message: message.into(),
        }
    }

    fn failed(&self, method: &str, failure: Failure) -> Error {
        match failure {
            Failure::Interrupted => Error::Interrupted,
            other => self.error(method, other.to_string()),
        }
    }
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Error(String),
    #[error("panicked: {0}; the instance is not used again")]
    Panic(String),
    #[error("the component does not support this method")]
    Unsupported,
    #[error("interrupted")]
    Interrupted,
    #[error("returned status {0}, which this program does not know: {1}")]
    Unknown(i32, String),
}

fn check(code: i32, error: &Bytes) -> std::result::Result<(), Failure> {
    let message = || match error.message() {
        text if text.is_empty() => "it gave no reason".to_owned(),
        text => text,
    };
    Err(match Status::from_code(code) {
        Some(Status::Ok) => return Ok(()),
        Some(Status::Error) => Failure::Error(message()),
        Some(Status::Panic) => Failure::Panic(message()),
        Some(Status::Unsupported) => Failure::Unsupported,
        Some(Status::Interrupted) => Failure::Interrupted,
        None => Failure::Unknown(code, message()),
    })
}

/// A method: its number, and its name for messages.
type MethodId = (u32, &'static str);

/// One instance of a component. Destroyed when dropped.
struct Instance {
    native: Native,
    pointer: *mut c_void,
    poisoned: Cell<bool>,
}

// SAFETY: the contract asks that an instance may move between threads; it is called from one at a time, since it is
// not `Sync`.
unsafe impl Send for Instance {}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(destroy) = self.native.table.destroy {
            // SAFETY: the pointer came from `create` of the same table and is not used again.
            unsafe { destroy(self.pointer) };
        }
    }
}

impl Instance {
    /// Calls a method with tensors and no other arguments.
    fn call(&self, method: MethodId, inputs: &[(&str, &Tensor)]) -> Result<Returned<'_>> {
        self.call_text(method, inputs, "")
    }

    /// Calls a method with tensors and other arguments.
    fn call_with<A: Serialize>(
        &self,
        method: MethodId,
        inputs: &[(&str, &Tensor)],
        arguments: &A,
    ) -> Result<Returned<'_>> {
        let text = serde_json::to_string(arguments).map_err(Error::json("arguments"))?;
        self.call_text(method, inputs, &text)
    }

    fn call_text(
        &self,
        method: MethodId,
        inputs: &[(&str, &Tensor)],
        arguments: &str,
    ) -> Result<Returned<'_>> {
        let (mut reply, mut error) = (Bytes::default(), Bytes::default());
        let mut outputs = Received::default();
        let inputs = lend(inputs);
        let mut call = abi::Call {
            size: size_of::<abi::Call>() as u32,
            method: method.0,
            inputs: inputs.as_ptr(),
            n_inputs: inputs.len(),
            arguments: abi::Str::new(arguments),
            outputs: outputs.sink(),
            reply: reply.sink(),
            error: error.sink(),
        };
        let invoke = self.function(method.1, self.native.table.invoke)?;
        // SAFETY: the instance is alive and called from one thread; all that the call lends lives until it returns.
        let code = unsafe { invoke(self.pointer, &raw mut call) };
        self.outcome(method.1, code, &error)?;
        let tensors = outputs
            .finish()
            .map_err(|e| self.native.error(method.1, e))?;
        Ok(Returned {
            native: &self.native,
            method: method.1,
            tensors,
            reply,
        })
    }

    fn save(&self) -> Result<State> {
        let (mut reply, mut error) = (Bytes::default(), Bytes::default());
        let mut outputs = Received::default();
        let save = self.function("save", self.native.table.save)?;
        // SAFETY: the instance is alive; the sinks live until the call returns.
        let code = unsafe { save(self.pointer, outputs.sink(), reply.sink(), error.sink()) };
        self.outcome("save", code, &error)?;
        let returned = Returned {
            native: &self.native,
            method: "save",
            tensors: outputs.finish().map_err(|e| self.native.error("save", e))?,
            reply,
        };
        let json = match returned.reply.is_empty() {
            true => serde_json::Value::Null,
            false => returned.reply()?,
        };
        Ok(State {
            json,
            tensors: returned.tensors,
        })
    }

    fn load(&self, state: &State) -> Result<()> {
        let mut error = Bytes::default();
        let tensors: Vec<_> = state.tensors.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let inputs = lend(&tensors);
        let json = state.json.to_string();
        let load = self.function("load", self.native.table.load)?;
        // SAFETY: the instance is alive and called from one thread; all that is lent lives until the call returns.
        let code = unsafe {
            load(
                self.pointer,
                inputs.as_ptr(),
                inputs.len(),
                abi::Str::new(&json),
                error.sink(),
            )
        };
        self.outcome("load", code, &error)
    }

    /// The function, unless the instance must not be called any more.
    fn function<F>(&self, method: &str, function: Option<F>) -> Result<F> {
        if self.poisoned.get() {
            let reason = "an earlier call panicked: this instance cannot be used any more";
            return Err(self.native.error(method, reason));
        }
        function.ok_or_else(|| self.native.error(method, "its function is null"))
    }

    fn outcome(&self, method: &str, code: i32, error: &Bytes) -> Result<()> {
        super::host::end_stage();
        check(code, error).map_err(|failure| {
            self.poisoned
                .set(self.poisoned.get() || matches!(failure, Failure::Panic(_)));
            self.native.failed(method, failure)
        })
    }
}

/// What a call gave back.
struct Returned<'a> {
    native: &'a Native,
    method: &'static str,
    tensors: Vec<(String, Tensor)>,
    reply: Bytes,
}

impl Returned<'_> {
    fn error(&self, message: impl Into<String>) -> Error {
        self.native.error(self.method, message)
    }

    /// Takes the output of that name, checked against type and shape; a size of −1 may be any, and `like` says on
    /// which device it must be.
    fn take(
        &mut self,
        name: &str,
        dtype: DType,
        shape: &[(&str, i64)],
        like: &Tensor,
    ) -> Result<Tensor> {
        let tensor = self
            .take_optional(name)
            .ok_or_else(|| self.error(self.missing(name)))?;
        self.check(name, &tensor, dtype, shape)?;
        if tensor.device() != like.device() {
            let message = format!(
                "output `{name}` is on {:?}, but the input is on {:?}",
                tensor.device(),
                like.device()
            );
            return Err(self.error(message));
        }
        Ok(tensor)
    }

    fn take_optional(&mut self, name: &str) -> Option<Tensor> {
        let at = self.tensors.iter().position(|(n, _)| n == name)?;
        Some(self.tensors.swap_remove(at).1)
    }

    fn missing(&self, name: &str) -> String {
        let given: Vec<_> = self.tensors.iter().map(|(n, _)| format!("`{n}`")).collect();
        match given.is_empty() {
            true => format!("gave no output `{name}`"),
            false => format!("gave no output `{name}`, but {}", given.join(", ")),
        }
    }

    fn check(
        &self,
        name: &str,
        tensor: &Tensor,
        dtype: DType,
        shape: &[(&str, i64)],
    ) -> Result<()> {
        let (found_dtype, found) = (tensor.f_kind()?, tensor.size());
        let fits = found.len() == shape.len()
            && found.iter().zip(shape).all(|(f, (_, s))| *s < 0 || f == s);
        if fits && found_dtype == dtype {
            return Ok(());
        }
        let axes: Vec<_> = shape
            .iter()
            .map(|(axis, size)| match size {
                ..0 => (*axis).to_owned(),
                size => format!("{axis}={size}"),
            })
            .collect();
        Err(self.error(format!(
            "output `{name}`: expected {} [{}], found {} {found:?}",
            dtype_name(dtype),
            axes.join(", "),
            dtype_name(found_dtype),
        )))
    }

    /// The part of the result that is not tensors.
    fn reply<R: DeserializeOwned>(&self) -> Result<R> {
        let text = self
            .reply
            .text()
            .map_err(|e| self.error(format!("its reply {e}")))?;
        serde_json::from_str(&text)
            .map_err(|e| self.error(format!("its reply does not have the agreed form: {e}")))
    }
}

/// The type's name as the project writes it.
fn dtype_name(dtype: DType) -> String {
    match dtype {
        DType::Float => "f32".to_owned(),
        DType::Double => "f64".to_owned(),
        DType::Half => "f16".to_owned(),
        DType::BFloat16 => "bf16".to_owned(),
        DType::Int64 => "i64".to_owned(),
        DType::Int => "i32".to_owned(),
        DType::Bool => "bool".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Passes state through, for the wrapper of a kind.
macro_rules! stateful {
    ($wrapper:ty) => {
        impl lapidary_sdk::Stateful for $wrapper {
            fn save(&self) -> lapidary_sdk::Result<lapidary_sdk::State> {
                self.instance.save()
            }

            fn load(&mut self, state: &lapidary_sdk::State) -> lapidary_sdk::Result<()> {
                self.instance.load(state)
            }
        }
    };
}
use stateful;
