//! The C functions behind a component: they decode arguments, catch panics, and report a status and a message.
#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lapidary_abi as abi;
use lapidary_abi::Status;
use serde::Deserialize;
use tch::Tensor;

use crate::component::{Component, Description, State};
use crate::error::{Error, Result};
use crate::serve::{Incoming, Serve};

#[cfg(panic = "abort")]
compile_error!("plugins need `panic = \"unwind\"`: a panic must end inside the plugin");

/// The table of component `T` of kind `K`.
pub struct Table<K, T>(PhantomData<(K, T)>);

impl<T: Component, K: Serve<T>> Table<K, T> {
    /// The C table.
    pub const COMPONENT: abi::Component = abi::Component {
        size: size_of::<abi::Component>() as u32,
        flags: 0,
        kind: abi::Str::new(K::KIND.name()),
        name: abi::Str::new(T::NAME),
        describe: Some(describe::<K, T>),
        create: Some(create::<T>),
        invoke: Some(invoke::<K, T>),
        save: Some(save::<T>),
        load: Some(load::<T>),
        destroy: Some(destroy::<T>),
    };
}

#[derive(Deserialize)]
struct Config<S, C> {
    settings: S,
    context: C,
}

unsafe extern "C" fn describe<K: Serve<T>, T: Component>(
    reply: abi::Sink,
    error: abi::Sink,
) -> i32 {
    guarded(error, || {
        let schema = schemars::schema_for!(T::Settings);
        let json = |what| Error::json(what);
        let mut methods = K::methods();
        methods.retain(|m| !m.optional || T::OPTIONAL.contains(&m.number));
        let description = Description {
            kind: K::KIND,
            name: T::NAME.to_owned(),
            summary: T::SUMMARY.to_owned(),
            settings: serde_json::to_value(schema).map_err(json("settings"))?,
            defaults: serde_json::to_value(T::Settings::default()).map_err(json("defaults"))?,
            methods,
        };
        let text = serde_json::to_string(&description).map_err(json("description"))?;
        // SAFETY: the caller's sink is valid for the duration of the call.
        unsafe { put(reply, &text) };
        Ok(())
    })
}

unsafe extern "C" fn create<T: Component>(
    config: abi::Str,
    instance: *mut *mut c_void,
    error: abi::Sink,
) -> i32 {
    guarded(error, || {
        // SAFETY: the caller lends valid UTF-8 for the duration of the call.
        let text = unsafe { text(config)? };
        let config: Config<T::Settings, T::Context> =
            serde_json::from_str(text).map_err(Error::json("settings"))?;
        let made = Box::new(T::create(config.settings, config.context)?);
        // SAFETY: the caller passes a place for one pointer.
        unsafe { instance.write(Box::into_raw(made).cast()) };
        Ok(())
    })
}

unsafe extern "C" fn invoke<K: Serve<T>, T: Component>(
    instance: *mut c_void,
    call: *mut abi::Call,
) -> i32 {
    // SAFETY: every version of the table begins with its size; the caller vouches for as many bytes.
    let call = unsafe { abi::read(call, (*call).size) };
    guarded(call.error, || {
        // SAFETY: `instance` came from `create` of this very table and is called from one thread at a time.
        let instance = unsafe { &mut *instance.cast::<T>() };
        // SAFETY: as the contract says, `n_inputs` tensors are lent for the duration of the call.
        let inputs = unsafe { tensors(call.inputs, call.n_inputs)? };
        // SAFETY: as above, for the text.
        let arguments = unsafe { text(call.arguments)? };
        let outputs = call.outputs;
        // SAFETY: the caller's sink is valid for the duration of the call.
        let mut give = |name: &str, tensor| unsafe { give(outputs, name, tensor) };
        let mut incoming = Incoming {
            inputs,
            arguments,
            give: &mut give,
            reply: String::new(),
        };
        K::invoke(instance, call.method, &mut incoming)?;
        // SAFETY: as above.
        unsafe { put(call.reply, &incoming.reply) };
        Ok(())
    })
}

unsafe extern "C" fn save<T: Component>(
    instance: *mut c_void,
    outputs: abi::TensorSink,
    reply: abi::Sink,
    error: abi::Sink,
) -> i32 {
    guarded(error, || {
        // SAFETY: `instance` came from `create` of this very table.
        let state = Component::save(unsafe { &*instance.cast::<T>() })?;
        for (name, tensor) in state.tensors {
            // SAFETY: the caller's sink is valid for the duration of the call.
            unsafe { give(outputs, &name, tensor)? };
        }
        // SAFETY: as above.
        unsafe { put(reply, &state.json.to_string()) };
        Ok(())
    })
}

unsafe extern "C" fn load<T: Component>(
    instance: *mut c_void,
    inputs: *const abi::NamedTensor,
    n_inputs: usize,
    state: abi::Str,
    error: abi::Sink,
) -> i32 {
    guarded(error, || {
        // SAFETY: `instance` came from `create` of this very table and is called from one thread at a time.
        let instance = unsafe { &mut *instance.cast::<T>() };
        // SAFETY: `n_inputs` tensors and the text are lent for the duration of the call.
        let (tensors, text) = unsafe { (tensors(inputs, n_inputs)?, text(state)?) };
        let json = match text {
            "" => serde_json::Value::Null,
            text => serde_json::from_str(text).map_err(Error::json("state"))?,
        };
        Component::load(instance, &State { tensors, json })
    })
}

unsafe extern "C" fn destroy<T: Component>(instance: *mut c_void) {
    // SAFETY: `instance` came from `create` of this very table and is not used again.
    let made = unsafe { Box::from_raw(instance.cast::<T>()) };
    // A panic in a destructor must not cross the boundary either; there is nobody to report it to.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(made)));
}

/// Runs the body of a C function: errors and panics become a status and a message.
fn guarded(error: abi::Sink, body: impl FnOnce() -> Result<()>) -> i32 {
    crate::host::take_panic();
    let outcome = catch_unwind(AssertUnwindSafe(body));
    drop_pending_error();
    let (status, message) = match outcome {
        Ok(Ok(())) => return Status::Ok as i32,
        Ok(Err(e @ Error::Unsupported(_))) => (Status::Unsupported, e.to_string()),
        Ok(Err(e @ Error::Interrupted)) => (Status::Interrupted, e.to_string()),
        Ok(Err(e)) => (Status::Error, e.to_string()),
        Err(panic) => (Status::Panic, panic_text(panic.as_ref())),
    };
    // SAFETY: the caller's sink is valid for the duration of the call.
    unsafe { put(error, &message) };
    status as i32
}

/// tch keeps one unread error an image; left there, it would make the next call of tch in this image panic.
fn drop_pending_error() {
    // SAFETY: returns null or a C string that is ours to free.
    unsafe {
        let pending = torch_sys::get_and_reset_last_err();
        if !pending.is_null() {
            libc::free(pending.cast());
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = crate::host::take_panic() {
        return text;
    }
    let text = panic
        .downcast_ref::<&str>()
        .map(|&s| s.to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

/// # Safety
/// `text` points to `len` readable bytes, or `len` is 0.
unsafe fn text<'a>(text: abi::Str) -> Result<&'a str> {
    if text.len == 0 {
        return Ok("");
    }
    // SAFETY: the caller vouches for the bytes.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr, text.len) };
    std::str::from_utf8(bytes).map_err(|e| Error::invalid(format!("text is not UTF-8: {e}")))
}

/// # Safety
/// `inputs` points to `n` entries whose names and tensors are valid for the duration of the call.
unsafe fn tensors(inputs: *const abi::NamedTensor, n: usize) -> Result<Vec<(String, Tensor)>> {
    if n == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the caller vouches for the entries.
    let entries = unsafe { std::slice::from_raw_parts(inputs, n) };
    let named = entries.iter().map(|entry| {
        // SAFETY: as above.
        let name = unsafe { text(entry.name)? }.to_owned();
        if entry.tensor.is_null() {
            return Err(Error::invalid(format!("input `{name}` is null")));
        }
        // SAFETY: the pointer is a live `at::Tensor*`; the clone shares its storage and is ours to free.
        Ok((name, unsafe { Tensor::clone_from_ptr(entry.tensor.cast()) }))
    });
    named.collect()
}

/// # Safety
/// The sink is valid.
unsafe fn give(sink: abi::TensorSink, name: &str, tensor: Tensor) -> Result<()> {
    let give = sink
        .give
        .ok_or_else(|| Error::invalid("the caller takes no tensors"))?;
    let pointer = tensor.as_ptr().cast_mut().cast();
    std::mem::forget(tensor);
    // SAFETY: the receiver owns the tensor from here on, in any case.
    match unsafe { give(sink.ctx, abi::Str::new(name), pointer) } {
        0 => Ok(()),
        _ => Err(Error::invalid(format!(
            "the caller refused output `{name}`"
        ))),
    }
}

/// # Safety
/// The sink is valid.
unsafe fn put(sink: abi::Sink, text: &str) {
    if let (Some(put), false) = (sink.put, text.is_empty()) {
        // SAFETY: the bytes live until the call returns.
        unsafe { put(sink.ctx, text.as_ptr(), text.len()) };
    }
}
