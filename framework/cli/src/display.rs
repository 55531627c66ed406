//! Progress of long stages on standard error: bars on a terminal, now and then a line elsewhere, JSON where it is asked for.

mod lines;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use lapidary_core::progress::{self, Display};

use crate::log_lines;
use lines::{Json, Lines, Text};

static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Chooses how progress is shown.
pub fn install(quiet: bool) {
    if quiet {
        return;
    }
    if log_lines::is_on() {
        progress::install(Box::new(Lines::new(&Json)));
    } else if io::stderr().is_terminal() {
        let bars = BARS.get_or_init(MultiProgress::new).clone();
        progress::install(Box::new(Bars {
            bars,
            stages: Stages::default(),
        }));
    } else {
        progress::install(Box::new(Lines::new(&Text)));
    }
}

/// Does `work`, which writes to the terminal, with the bars out of the way.
pub fn suspend<T>(work: impl FnOnce() -> T) -> T {
    match BARS.get() {
        Some(bars) => bars.suspend(work),
        None => work(),
    }
}

/// Running stages by number.
struct Stages<T> {
    next: AtomicU64,
    running: Mutex<HashMap<u64, T>>,
}

impl<T> Default for Stages<T> {
    fn default() -> Self {
        Self {
            next: AtomicU64::new(1),
            running: Mutex::default(),
        }
    }
}

impl<T> Stages<T> {
    fn add(&self, stage: T) -> u64 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, stage);
        id
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, T>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Bars {
    bars: MultiProgress,
    stages: Stages<ProgressBar>,
}

impl Display for Bars {
    fn begin(&self, what: &str, total: u64) -> u64 {
        let (bar, template) = match total {
            0 => (ProgressBar::no_length(), UNBOUNDED),
            n => (ProgressBar::new(n), BOUNDED),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(
                style
                    .progress_chars("━╸─")
                    .with_key("rate", show_rate)
                    .with_key("left", show_left),
            );
        }
        bar.set_prefix(what.to_owned());
        let bar = self.bars.add(bar);
        bar.enable_steady_tick(Duration::from_millis(250));
        self.stages.add(bar)
    }

    fn update(&self, stage: u64, done: u64, note: &str) {
        if let Some(bar) = self.stages.lock().get(&stage) {
            bar.set_position(done);
            bar.set_message(note.to_owned());
        }
    }

    fn end(&self, stage: u64) {
        let bar = self.stages.lock().remove(&stage);
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn print(&self, line: &str) {
        self.bars.suspend(|| progress::write_line(line));
    }
}

const BOUNDED: &str =
    "{prefix} {bar:24} {human_pos}/{human_len} {rate} {elapsed} gone{left} {wide_msg}";
const UNBOUNDED: &str = "{prefix} {spinner} {human_pos} {rate} {elapsed} gone {wide_msg}";

// Before the first unit nothing is known of the rate. Writing to a bar's line cannot fail.
fn show_rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    if state.pos() > 0 {
        let _ = out.write_str(&rate_text(state.per_sec()));
    }
}

fn show_left(state: &ProgressState, out: &mut dyn fmt::Write) {
    if state.pos() > 0 {
        let _ = write!(out, ", {} left", HumanDuration(state.eta()));
    }
}

fn rate_text(rate: f64) -> String {
    format!("{rate:.*}/s", usize::from(rate < 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_templates_are_sound() {
        assert!(ProgressStyle::with_template(BOUNDED).is_ok());
        assert!(ProgressStyle::with_template(UNBOUNDED).is_ok());
    }
}
