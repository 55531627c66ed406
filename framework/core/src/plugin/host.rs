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
    /// The call into a plugin that this thread is in, if it is in one, and what the plugin says it is doing.
    static CALL: RefCell<Option<Doing>> = const { RefCell::new(None) };
}

type Doing = Option<(String, progress::Stage)>;

/// Calls into a plugin: what it reports on this thread is shown until it returns. What its own threads report is not,
/// since nobody could tell when that ends.
pub(super) fn calling<T>(call: impl FnOnce() -> T) -> T {
    let outer = CALL.replace(Some(None));
    let result = call();
    CALL.set(outer);
    result
}

unsafe extern "C" fn report(what: abi::Str, done: u64, total: u64) -> i32 {
    // SAFETY: the plugin lends the text for the duration of the call.
    let what = unsafe { text(what) };
    // A panic in the display must not cross into the plugin.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        CALL.with_borrow_mut(|call| {
            let Some(doing) = call else { return };
            if doing.as_ref().is_none_or(|(name, _)| *name != what) {
                // One ends before the next begins: a stage within another is not shown.
                *doing = None;
                *doing = Some((what.clone(), progress::begin(&what, total)));
            }
            if let Some((_, stage)) = doing {
                stage.update(done, "");
            }
        });
    }));
    i32::from(interrupt::requested())
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What was shown of stages whose names begin with `plugin test`.
    static SHOWN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    struct Recording;

    impl progress::Display for Recording {
        fn begin(&self, what: &str, _: u64) -> u64 {
            let mut shown = SHOWN.lock().unwrap();
            match what.starts_with("plugin test") {
                true => shown.push(what.to_owned()),
                false => return u64::MAX,
            }
            shown.len() as u64 - 1
        }

        fn update(&self, _: u64, _: u64, _: &str) {}

        fn end(&self, stage: u64) {
            if let Some(name) = SHOWN.lock().unwrap().get_mut(stage as usize) {
                name.push_str(", ended");
            }
        }
    }

    fn report_on_this_thread(what: &str) {
        // SAFETY: the text lives until the call returns.
        assert_eq!(unsafe { report(abi::Str::new(what), 1, 2) }, 0);
    }

    #[test]
    fn progress_is_shown_during_a_call_on_the_thread_that_was_called() {
        progress::install(Box::new(Recording));
        report_on_this_thread("plugin test outside");
        calling(|| {
            report_on_this_thread("plugin test one");
            report_on_this_thread("plugin test two");
            std::thread::scope(|s| {
                s.spawn(|| report_on_this_thread("plugin test worker"));
            });
        });
        report_on_this_thread("plugin test after");
        let shown = SHOWN.lock().unwrap().clone();
        assert_eq!(shown, ["plugin test one, ended", "plugin test two, ended"]);
    }
}
