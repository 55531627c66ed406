//! Progress of long stages. The program installs a [`Display`]; without one nothing is shown.

use std::cell::Cell;
use std::io::Write;
use std::sync::OnceLock;

/// Shows progress to a person.
pub trait Display: Send + Sync {
    /// A stage of `total` units begins (0: unknown). The number names it in later calls.
    fn begin(&self, what: &str, total: u64) -> u64;
    /// `done` units are finished; `note` is a short remark such as the current loss.
    fn update(&self, stage: u64, done: u64, note: &str);
    /// The stage ended.
    fn end(&self, stage: u64);
    /// A line of the program's own output.
    fn print(&self, line: &str) {
        write_line(line);
    }
}

static DISPLAY: OnceLock<Box<dyn Display>> = OnceLock::new();

/// Installs the display. The first one stays.
pub fn install(display: Box<dyn Display>) {
    let _ = DISPLAY.set(display);
}

/// Writes a line to standard output; where a display is installed, in a way that does not cut through its bars.
pub fn print(line: &str) {
    match DISPLAY.get() {
        Some(display) => display.print(line),
        None => write_line(line),
    }
}

/// Writes a line to standard output. A reader that stopped reading is no failure.
pub fn write_line(line: &str) {
    // As in `lapidary … | head`.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

thread_local! {
    static RUNNING: Cell<u32> = const { Cell::new(0) };
}

/// A running stage; dropping it ends it.
pub struct Stage {
    id: Option<u64>,
}

/// Begins a stage of `total` units (0: unknown). A stage within another one of the same thread is not shown: the outer
/// one tells how far the work is.
pub fn begin(what: &str, total: u64) -> Stage {
    let outer = RUNNING.replace(RUNNING.get() + 1);
    let display = DISPLAY.get().filter(|_| outer == 0);
    Stage {
        id: display.map(|d| d.begin(what, total)),
    }
}

impl Stage {
    /// `done` units are finished.
    pub fn update(&self, done: u64, note: &str) {
        if let (Some(d), Some(id)) = (DISPLAY.get(), self.id) {
            d.update(id, done, note);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        RUNNING.set(RUNNING.get().saturating_sub(1));
        if let (Some(d), Some(id)) = (DISPLAY.get(), self.id) {
            d.end(id);
        }
    }
}
