//! Progress of long stages. The program installs a [`Display`]; without one nothing is shown.

use std::cell::RefCell;
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
    /// The stage of this thread that is shown.
    static SHOWN: RefCell<Option<Shown>> = const { RefCell::new(None) };
}

/// A shown stage as it was last told.
struct Shown {
    id: u64,
    done: u64,
    note: String,
}

/// A running stage; dropping it ends it.
pub struct Stage {
    what: String,
    total: u64,
    /// None where another is shown.
    id: Option<u64>,
}

/// Begins a stage of `total` units (0: unknown). A stage within another one of the same thread is told in the remark of the
/// outer one, which says how far the work is.
pub fn begin(what: &str, total: u64) -> Stage {
    let is_shown = SHOWN.with_borrow(Option::is_some);
    let display = DISPLAY.get().filter(|_| !is_shown);
    let id = display.map(|d| d.begin(what, total));
    if let Some(id) = id {
        let (done, note) = (0, String::new());
        SHOWN.set(Some(Shown { id, done, note }));
    }
    Stage {
        what: what.to_owned(),
        total,
        id,
    }
}

impl Stage {
    /// `done` units are finished.
    pub fn update(&self, done: u64, note: &str) {
        let Some(display) = DISPLAY.get() else {
            return;
        };
        SHOWN.with_borrow_mut(|shown| {
            let Some(shown) = shown else { return };
            if self.id.is_none() {
                let inner = self.inner(&shown.note, done);
                return display.update(shown.id, shown.done, &inner);
            }
            shown.done = done;
            note.clone_into(&mut shown.note);
            display.update(shown.id, done, note);
        });
    }

    /// The outer stage's remark, and how far this one within it is.
    fn inner(&self, outer: &str, done: u64) -> String {
        let comma = if outer.is_empty() { "" } else { ", " };
        let of = match self.total {
            0 => String::new(),
            total => format!(" of {total}"),
        };
        format!("{outer}{comma}{} {done}{of}", self.what)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let (Some(d), Some(id)) = (DISPLAY.get(), self.id) {
            SHOWN.set(None);
            d.end(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_within_another_stands_in_its_remark() {
        let stage = |total| Stage {
            what: "validation".to_owned(),
            total,
            id: None,
        };
        assert_eq!(
            stage(256).inner("epoch 2, loss 0.1234", 34),
            "epoch 2, loss 0.1234, validation 34 of 256"
        );
        assert_eq!(stage(0).inner("", 34), "validation 34");
    }
}
