//! What the host offers to a plugin: its log, its progress display, and the user's wish to stop.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::sync::OnceLock;

use lapidary_abi as abi;

use crate::error::{Error, Result};

static HOST: OnceLock<abi::Host> = OnceLock::new();

/// Tells this image of the host. Called once, by the entry symbol or by a host that links the plugin in.
pub fn install(host: abi::Host) {
    let _ = HOST.set(host);
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the text and place of this thread's last panic for the status that the host gets, instead of writing them to
/// the terminal. Each library has its own standard library and so its own hook.
pub(crate) fn catch_panic_messages() {
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or("a panic without a message");
        let text = match info.location() {
            Some(place) => format!("{text} ({}:{})", place.file(), place.line()),
            None => text.to_owned(),
        };
        log(Level::Debug, "panic", &text);
        PANIC.with_borrow_mut(|last| *last = Some(text));
    }));
}

/// This thread's last panic, where [`catch_panic_messages`] was called.
pub(crate) fn take_panic() -> Option<String> {
    PANIC.with_borrow_mut(Option::take)
}

/// Severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    /// The work failed.
    Error = 1,
    /// The user should know.
    Warn = 2,
    /// Good to know.
    Info = 3,
    /// For authors.
    Debug = 4,
    /// For authors, in detail.
    Trace = 5,
}

/// Writes to the host's log; silent where there is no host.
pub fn log(level: Level, target: &str, message: &str) {
    if let Some(log) = HOST.get().and_then(|h| h.log) {
        // SAFETY: the host copies both texts before it returns.
        unsafe { log(level as u32, abi::Str::new(target), abi::Str::new(message)) };
    }
}

/// Reports that `done` of `total` units (0: unknown) of `what` are finished. Call it between units of a long piece of
/// work. On a thread other than the one that the host called, nothing is shown: it only tells whether to stop.
///
/// # Errors
/// [`Error::Interrupted`] when the user asked to stop.
pub fn progress(what: &str, done: u64, total: u64) -> Result<()> {
    let Some(report) = HOST.get().and_then(|h| h.progress) else {
        return Ok(());
    };
    // SAFETY: the host copies the text before it returns.
    match unsafe { report(abi::Str::new(what), done, total) } {
        0 => Ok(()),
        _ => Err(Error::Interrupted),
    }
}
