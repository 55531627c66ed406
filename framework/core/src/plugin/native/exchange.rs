//! What a call lends and what it takes: sinks for bytes and tensors, and lists of lent tensors.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lapidary_abi as abi;
use lapidary_abi::Status;
use tch::Tensor;

use crate::plugin::host::text;
use crate::torch_words;

/// Takes bytes from a component.
#[derive(Default)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    /// The sink; valid as long as `self` is neither moved nor borrowed otherwise.
    pub(super) fn sink(&mut self) -> abi::Sink {
        abi::Sink {
            ctx: (&raw mut *self).cast(),
            put: Some(put),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What came, which must be UTF-8.
    pub(super) fn text(&self) -> Result<String, String> {
        let text = std::str::from_utf8(&self.0).map_err(|e| format!("is not UTF-8: {e}"))?;
        Ok(text.to_owned())
    }

    /// What came, as a message: what is not UTF-8 is replaced, libtorch's stack frames are left out.
    pub(super) fn message(&self) -> String {
        torch_words::plain(&String::from_utf8_lossy(&self.0))
    }
}

unsafe extern "C" fn put(ctx: *mut c_void, ptr: *const u8, len: usize) {
    if ctx.is_null() || ptr.is_null() {
        return;
    }
    // SAFETY: the context is the `Bytes` that made the sink, which outlives the call; the caller lends `len` bytes.
    let (bytes, piece) = unsafe {
        (
            &mut *ctx.cast::<Bytes>(),
            std::slice::from_raw_parts(ptr, len),
        )
    };
    bytes.0.extend_from_slice(piece);
}

/// Takes tensors from a component.
#[derive(Default)]
pub(super) struct Received {
    tensors: Vec<(String, Tensor)>,
    problem: Option<String>,
}

impl Received {
    /// The sink; valid as long as `self` is neither moved nor borrowed otherwise.
    pub(super) fn sink(&mut self) -> abi::TensorSink {
        abi::TensorSink {
            ctx: (&raw mut *self).cast(),
            give: Some(give),
        }
    }

    /// All that came, or the first thing that was wrong with it.
    pub(super) fn finish(self) -> Result<Vec<(String, Tensor)>, String> {
        self.problem.map_or(Ok(self.tensors), Err)
    }

    fn take(&mut self, name: String, tensor: Option<Tensor>) -> Result<(), String> {
        let tensor = tensor.ok_or_else(|| format!("output `{name}` is a null tensor"))?;
        if self.tensors.iter().any(|(n, _)| *n == name) {
            return Err(format!("gave output `{name}` twice"));
        }
        self.tensors.push((name, tensor));
        Ok(())
    }
}

unsafe extern "C" fn give(ctx: *mut c_void, name: abi::Str, tensor: *mut c_void) -> i32 {
    // SAFETY: the context is the `Received` that made the sink, which outlives the call.
    let mut received = unsafe { ctx.cast::<Received>().as_mut() };
    // What looks at a foreign tensor may panic, which must not cross into the component.
    let taken = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: a tensor given is ours from here on.
        let tensor = (!tensor.is_null()).then(|| unsafe { Tensor::from_ptr(tensor.cast()) });
        // SAFETY: the caller lends the name for the duration of the call.
        let name = unsafe { text(name) };
        let received = received.as_mut().ok_or("nobody takes it")?;
        // A tensor without a value cannot even be asked for its type.
        received.take(name, tensor.filter(Tensor::defined))
    }));
    let problem = match taken {
        Ok(Ok(())) => return Status::Ok as i32,
        Ok(Err(problem)) => problem,
        Err(_) => "gave an output that is no tensor".to_owned(),
    };
    if let Some(received) = received {
        received.problem.get_or_insert(problem);
    }
    Status::Error as i32
}

/// Lends tensors for the duration of a call.
pub(super) fn lend(tensors: &[(&str, &Tensor)]) -> Vec<abi::NamedTensor> {
    let entry = |(name, tensor): &(&str, &Tensor)| abi::NamedTensor {
        name: abi::Str::new(name),
        tensor: tensor.as_ptr().cast_mut().cast(),
    };
    tensors.iter().map(entry).collect()
}
