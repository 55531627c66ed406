//! The C ABI between the Lapidary host and its plugins.
//!
//! Everything here is `#[repr(C)]` and free of dependencies: a plugin may be written in any language that can
//! fill these tables. `ABI.md` beside this crate is the contract in prose; `include/lapidary_plugin.h` is the same
//! in C and is generated from this file.
//!
//! Tables carry their size in bytes and grow only at the end. Every function returns a [`Status`] code as `i32`.
#![no_std]

use core::ffi::c_void;
use core::mem::MaybeUninit;

/// Marks a [`Manifest`]: the bytes `LAPIDARY` read as a big-endian number.
pub const MAGIC: u64 = 0x4C41_5049_4441_5259;
/// Plugins of another major version are refused.
pub const ABI_MAJOR: u32 = 1;
/// Grows when the tail of a table grows or a method is added to a kind.
pub const ABI_MINOR: u32 = 0;
/// Name of the only symbol that a plugin exports, of type [`EntryFn`].
pub const ENTRY_SYMBOL: &str = "lapidary_plugin_entry";
/// [`Manifest::tensor_abi`]: tensors are `at::Tensor*`; plugin and running libtorch must be of the same version.
pub const TENSOR_ABI_EXACT: u32 = 0;
/// [`Manifest::tensor_abi`]: tensors are handles of libtorch's stable C interface; the running libtorch must not be older.
pub const TENSOR_ABI_STABLE: u32 = 1;

/// What a call across the boundary returns.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It worked.
    Ok = 0,
    /// The component refused: the message says why.
    Error = 1,
    /// The component panicked or threw: the instance must not be used again.
    Panic = 2,
    /// The component has no such method.
    Unsupported = 3,
    /// The component stopped because [`Host::progress`] said that the user wants it to.
    Interrupted = 4,
}

impl Status {
    /// The status of that number, if there is one.
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            0 => Self::Ok,
            1 => Self::Error,
            2 => Self::Panic,
            3 => Self::Unsupported,
            4 => Self::Interrupted,
            _ => return None,
        })
    }
}

/// UTF-8 text, borrowed for the duration of a call. `ptr` may be null when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Str {
    /// First byte.
    pub ptr: *const u8,
    /// Length in bytes.
    pub len: usize,
}

impl Str {
    /// Borrows `text`: the caller keeps it alive for the duration of the call.
    pub const fn new(text: &str) -> Self {
        Self {
            ptr: text.as_ptr(),
            len: text.len(),
        }
    }
}

/// Receives bytes, which it copies. May be called several times: the pieces are joined.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Sink {
    /// Passed back to `put`.
    pub ctx: *mut c_void,
    /// Takes `len` bytes at `ptr`.
    pub put: Option<unsafe extern "C" fn(ctx: *mut c_void, ptr: *const u8, len: usize)>,
}

/// A tensor with a name: lent to the callee for the duration of the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NamedTensor {
    /// Name of the argument.
    pub name: Str,
    /// `at::Tensor*` or a stable handle, as [`Manifest::tensor_abi`] says.
    pub tensor: *mut c_void,
}

/// Receives tensors: each one given is owned by the receiver from then on.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TensorSink {
    /// Passed back to `give`.
    pub ctx: *mut c_void,
    /// Takes a tensor and copies its name. Returns a [`Status`]; the tensor is taken in any case.
    pub give: Option<unsafe extern "C" fn(ctx: *mut c_void, name: Str, tensor: *mut c_void) -> i32>,
}

/// One call of a method.
#[repr(C)]
pub struct Call {
    /// Size of this table in bytes.
    pub size: u32,
    /// Number of the method; each kind has its own list in `ABI.md`.
    pub method: u32,
    /// `n_inputs` tensors.
    pub inputs: *const NamedTensor,
    /// How many tensors `inputs` points to.
    pub n_inputs: usize,
    /// Arguments that are not tensors: a JSON object, or empty.
    pub arguments: Str,
    /// Takes the tensors of the result.
    pub outputs: TensorSink,
    /// Takes the rest of the result: a JSON value, or nothing.
    pub reply: Sink,
    /// Takes the message when the status is not [`Status::Ok`].
    pub error: Sink,
}

/// One component: the same six functions whatever its kind.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Component {
    /// Size of this table in bytes.
    pub size: u32,
    /// Reserved, 0.
    pub flags: u32,
    /// `backbone`, `base_embedder`, `llm`, `prompt_strategy` or `reducer`.
    pub kind: Str,
    /// Name by which scripts use it: lowercase letters, digits and `_`.
    pub name: Str,
    /// Writes the component's description as JSON.
    pub describe: Option<unsafe extern "C" fn(reply: Sink, error: Sink) -> i32>,
    /// Makes an instance from JSON `{"settings": {…}, "context": {…}}`.
    pub create:
        Option<unsafe extern "C" fn(config: Str, instance: *mut *mut c_void, error: Sink) -> i32>,
    /// Calls a method of an instance.
    pub invoke: Option<unsafe extern "C" fn(instance: *mut c_void, call: *mut Call) -> i32>,
    /// Hands out the instance's state: tensors and a JSON object.
    pub save: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            outputs: TensorSink,
            reply: Sink,
            error: Sink,
        ) -> i32,
    >,
    /// Takes back a state that `save` handed out.
    pub load: Option<
        unsafe extern "C" fn(
            instance: *mut c_void,
            inputs: *const NamedTensor,
            n_inputs: usize,
            state: Str,
            error: Sink,
        ) -> i32,
    >,
    /// Frees the instance.
    pub destroy: Option<unsafe extern "C" fn(instance: *mut c_void)>,
}

/// What the host offers to a plugin; lives as long as the process.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    /// Size of this table in bytes.
    pub size: u32,
    /// Major version of the host's ABI.
    pub abi_major: u32,
    /// Minor version of the host's ABI.
    pub abi_minor: u32,
    /// Reserved, 0.
    pub flags: u32,
    /// Version of the running libtorch, as `aoti_torch_abi_version` returns it.
    pub torch: u64,
    /// Writes a message to the host's log. Levels: 1 error, 2 warning, 3 information, 4 debug, 5 trace.
    pub log: Option<unsafe extern "C" fn(level: u32, target: Str, message: Str)>,
    /// Reports progress of a long call: `done` of `total` (0: unknown) units.
    /// Returns 1 when the user wants the work to stop, else 0.
    pub progress: Option<unsafe extern "C" fn(what: Str, done: u64, total: u64) -> i32>,
}

/// What a plugin offers: valid and unchanged for the life of the process.
#[repr(C)]
pub struct Manifest {
    /// [`MAGIC`].
    pub magic: u64,
    /// Size of this table in bytes.
    pub size: u32,
    /// [`ABI_MAJOR`] that the plugin was built for.
    pub abi_major: u32,
    /// [`ABI_MINOR`] that the plugin was built for.
    pub abi_minor: u32,
    /// [`TENSOR_ABI_EXACT`] or [`TENSOR_ABI_STABLE`].
    pub tensor_abi: u32,
    /// Version of the libtorch it was built with: `major << 56 | minor << 48 | patch << 40`.
    pub torch: u64,
    /// Value of `_GLIBCXX_USE_CXX11_ABI` it was built with; only [`TENSOR_ABI_EXACT`] looks at it.
    pub cxx11_abi: u32,
    /// Reserved, 0.
    pub flags: u32,
    /// Version of the SDK, for messages.
    pub sdk: Str,
    /// Name of the plugin.
    pub plugin: Str,
    /// Version of the plugin.
    pub version: Str,
    /// How many components `components` points to.
    pub n_components: usize,
    /// The components, sorted by kind and name.
    pub components: *const *const Component,
}

/// Type of the exported function. `host` outlives the plugin; a null return means that the plugin could not start.
pub type EntryFn = unsafe extern "C" fn(host: *const Host) -> *const Manifest;

// SAFETY: the tables point to immutable data that lives as long as the process.
#[allow(unsafe_code)]
unsafe impl Sync for Manifest {}
// SAFETY: as above; the functions are called under the host's discipline (one thread an instance).
#[allow(unsafe_code)]
unsafe impl Sync for Component {}
// SAFETY: as for `Sync`.
#[allow(unsafe_code)]
unsafe impl Send for Manifest {}

/// Copies a table that the other side filled, of which it says that it has `size` bytes: an older version has fewer than
/// `T`, a newer one more. What it lacks is zero: an absent function, an empty text.
///
/// # Safety
/// `table` points to `size` readable bytes, and zero is a valid value of every field of `T`.
#[allow(unsafe_code)]
pub unsafe fn read<T>(table: *const T, size: u32) -> T {
    let mut copy = MaybeUninit::<T>::zeroed();
    let n = (size as usize).min(size_of::<T>());
    // SAFETY: both places hold `n` bytes; the rest is zero, which the caller says is valid.
    unsafe {
        core::ptr::copy_nonoverlapping(table.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), n);
        copy.assume_init()
    }
}
