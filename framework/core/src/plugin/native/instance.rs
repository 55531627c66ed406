//! One instance of a component: calls, state, and what a panic leaves behind.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::c_void;

use lapidary_abi as abi;
use lapidary_abi::Status;
use lapidary_sdk::{Error, Result, State, Stateful};
use serde::Serialize;
use tch::Tensor;

use super::exchange::{Bytes, Received, lend};
use super::returned::Returned;
use super::{Failure, Native, calling, check};

/// A method: its number, and its name for messages.
pub(super) type MethodId = (u32, &'static str);

/// One instance of a component. Destroyed when dropped.
pub(super) struct Instance {
    native: Native,
    pointer: *mut c_void,
    poisoned: Cell<bool>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(destroy) = self.native.table.destroy {
            // SAFETY: the pointer came from `create` of the same table and is not used again.
            calling(|| unsafe { destroy(self.pointer) });
        }
    }
}

impl Instance {
    /// Takes what the component's `create` made.
    pub(super) fn new(native: Native, pointer: *mut c_void) -> Self {
        Self {
            native,
            pointer,
            poisoned: Cell::new(false),
        }
    }

    /// Whether the component answers the method; to be asked before an optional one.
    pub(super) fn offers(&self, method: MethodId) -> bool {
        self.native.offered.contains(&method.0)
    }

    /// Calls a method with tensors and no other arguments.
    pub(super) fn call(
        &self,
        method: MethodId,
        inputs: &[(&str, &Tensor)],
    ) -> Result<Returned<'_>> {
        self.call_text(method, inputs, "")
    }

    /// Calls a method with tensors and other arguments.
    pub(super) fn call_with<A: Serialize>(
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
        if !self.offers(method) {
            return Err(self.native.failed(method.1, Failure::Unsupported));
        }
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
        let code = calling(|| unsafe { invoke(self.pointer, &raw mut call) });
        let tensors = self.received(method.1, code, &error, outputs)?;
        Ok(Returned {
            native: &self.native,
            method: method.1,
            tensors,
            reply,
        })
    }

    /// The function, unless the instance must not be called any more.
    fn function<F>(&self, method: &str, function: Option<F>) -> Result<F> {
        if self.poisoned.get() {
            let reason = "an earlier call panicked: this instance cannot be used any more";
            return Err(self.native.error(method, reason));
        }
        function.ok_or_else(|| self.native.error(method, "its function is null"))
    }

    /// The tensors of a call that succeeded. What was wrong with one says more than the component, which only learns
    /// that it was refused.
    fn received(
        &self,
        method: &str,
        code: i32,
        error: &Bytes,
        outputs: Received,
    ) -> Result<Vec<(String, Tensor)>> {
        let outcome = self.outcome(method, code, error);
        match (outputs.finish(), Status::from_code(code)) {
            (Err(problem), Some(Status::Ok | Status::Error)) => {
                Err(self.native.error(method, problem))
            }
            (tensors, _) => outcome.map(|()| tensors.unwrap_or_default()),
        }
    }

    fn outcome(&self, method: &str, code: i32, error: &Bytes) -> Result<()> {
        check(code, error).map_err(|failure| {
            self.poisoned
                .set(self.poisoned.get() || matches!(failure, Failure::Panic(_)));
            self.native.failed(method, failure)
        })
    }
}

impl Stateful for Instance {
    fn save(&self) -> Result<State> {
        let (mut reply, mut error) = (Bytes::default(), Bytes::default());
        let mut outputs = Received::default();
        let save = self.function("save", self.native.table.save)?;
        let sinks = (outputs.sink(), reply.sink(), error.sink());
        // SAFETY: the instance is alive; the sinks live until the call returns.
        let code = calling(|| unsafe { save(self.pointer, sinks.0, sinks.1, sinks.2) });
        let tensors = self.received("save", code, &error, outputs)?;
        let returned = Returned {
            native: &self.native,
            method: "save",
            tensors,
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

    fn load(&mut self, state: &State) -> Result<()> {
        let mut error = Bytes::default();
        let tensors: Vec<_> = state.tensors.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let inputs = lend(&tensors);
        let json = state.json.to_string();
        let sink = error.sink();
        let load = self.function("load", self.native.table.load)?;
        // SAFETY: the instance is alive and called from one thread; all that is lent lives until the call returns.
        let code = calling(|| unsafe {
            let (entries, n) = (inputs.as_ptr(), inputs.len());
            load(self.pointer, entries, n, abi::Str::new(&json), sink)
        });
        self.outcome("load", code, &error)
    }
}
