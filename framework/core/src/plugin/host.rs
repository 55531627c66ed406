//! What the host offers to plugins: its log, its progress display, the user's wish to stop, and the running libtorch.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;

use lapidary_abi as abi;

use crate::{interrupt, progress};

unsafe extern "C" {
    /// Part of libtorch's stable C interface.
    safe fn aoti_torch_abi_version() -> u64;
}

/// A version of libtorch, as plugins state it: `major << 56 | minor << 48 | patch << 40`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TorchVersion(pub u64);

impl std::fmt::Display for TorchVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |shift: u32| self.0 >> shift & 0xff;
        write!(f, "{}.{}.{}", part(56), part(48), part(40))
    }
}

/// Version of the libtorch that this process runs.
pub fn running_torch() -> TorchVersion {
    // The lower bytes tell development builds apart; plugins do not state them.
    TorchVersion(aoti_torch_abi_version() >> 40 << 40)
}

/// File of the libtorch that this process runs.
pub fn running_torch_path() -> Option<PathBuf> {
    let address: extern "C" fn() -> u64 = aoti_torch_abi_version;
    // SAFETY: an all-zero `Dl_info` is valid.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is a place for the answer; the address may be any.
    let found = unsafe { libc::dladdr(address as *const c_void, &raw mut info) };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader keeps the name as long as the library is open.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    std::fs::canonicalize(OsStr::from_bytes(name.to_bytes())).ok()
}

/// The host's table.
pub(super) fn table() -> &'static abi::Host {
    static TABLE: OnceLock<abi::Host> = OnceLock::new();
    TABLE.get_or_init(|| abi::Host {
        size: size_of::<abi::Host>() as u32,
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        flags: 0,
        torch: running_torch().0,
        log: Some(log),
        progress: Some(report),
    })
}

unsafe extern "C" fn log(level: u32, target: abi::Str, message: abi::Str) {
    // SAFETY: the plugin lends both texts for the duration of the call.
    let (target, message) = unsafe { (text(target), text(message)) };
    // A panic in a subscriber must not cross into the plugin.
    let _ = catch_unwind(|| match level {
        1 => tracing::error!(target: "lapidary::plugin", component = target, "{message}"),
        2 => tracing::warn!(target: "lapidary::plugin", component = target, "{message}"),
        3 => tracing::info!(target: "lapidary::plugin", component = target, "{message}"),
        4 => tracing::debug!(target: "lapidary::plugin", component = target, "{message}"),
        _ => tracing::trace!(target: "lapidary::plugin", component = target, "{message}"),
    });
}

thread_local! {
    /// What the plugin that this thread called is doing.
    static STAGE: RefCell<Option<(String, progress::Stage)>> = const { RefCell::new(None) };
}

unsafe extern "C" fn report(what: abi::Str, done: u64, total: u64) -> i32 {
    // SAFETY: the plugin lends the text for the duration of the call.
    let what = unsafe { text(what) };
    // A panic in the display must not cross into the plugin.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        STAGE.with_borrow_mut(|stage| {
            if stage.as_ref().is_none_or(|(name, _)| *name != what) {
                *stage = Some((what.clone(), progress::begin(&what, total)));
            }
            if let Some((_, stage)) = stage {
                stage.update(done, "");
            }
        });
    }));
    i32::from(interrupt::requested())
}

/// Ends what a plugin reported on this thread: its call returned.
pub(super) fn end_stage() {
    STAGE.with_borrow_mut(|stage| *stage = None);
}

/// Text of a plugin; what is not UTF-8 is replaced.
///
/// # Safety
/// `text` points to `len` readable bytes, or is null.
pub(super) unsafe fn text(text: abi::Str) -> String {
    if text.ptr.is_null() || text.len == 0 {
        return String::new();
    }
    // SAFETY: the caller vouches for the bytes.
    let bytes = unsafe { std::slice::from_raw_parts(text.ptr, text.len) };
    String::from_utf8_lossy(bytes).into_owned()
}
