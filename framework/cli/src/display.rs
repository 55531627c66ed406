//! Progress of long stages on standard error: bars on a terminal, now and then a line elsewhere.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use lapidary_core::progress::{self, Display};

static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Chooses how progress is shown.
pub fn install(quiet: bool) {
    if quiet {
        return;
    }
    if io::stderr().is_terminal() {
        let bars = BARS.get_or_init(MultiProgress::new).clone();
        progress::install(Box::new(Bars {
            bars,
            stages: Stages::default(),
        }));
    } else {
        progress::install(Box::new(Lines::default()));
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

/// How often a stage may write a line.
const PAUSE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Lines(Stages<Line>);

struct Line {
    what: String,
    total: u64,
    begun: Instant,
    said: Instant,
    told: bool,
    done: u64,
    note: String,
}

impl Display for Lines {
    fn begin(&self, what: &str, total: u64) -> u64 {
        let now = Instant::now();
        self.0.add(Line {
            what: what.to_owned(),
            total,
            begun: now,
            said: now,
            told: false,
            done: 0,
            note: String::new(),
        })
    }

    fn update(&self, stage: u64, done: u64, note: &str) {
        if let Some(line) = self.0.lock().get_mut(&stage) {
            line.done = done;
            note.clone_into(&mut line.note);
            if line.said.elapsed() >= PAUSE {
                line.said = Instant::now();
                line.told = true;
                tell(&line.text(line.begun.elapsed()));
            }
        }
    }

    fn end(&self, stage: u64) {
        let line = self.0.lock().remove(&stage);
        // A short stage says nothing; one that spoke also says where it ended.
        if let Some(line) = line.filter(|line| line.told) {
            tell(&line.text(line.begun.elapsed()));
        }
    }
}

impl Line {
    /// `train: 34 of 200 (17 %), 3.2/s, 52 seconds left, loss 0.12`
    fn text(&self, elapsed: Duration) -> String {
        let rate = self.done as f64 / elapsed.as_secs_f64().max(1e-9);
        let mut text = format!("{}: {}", self.what, self.done);
        // Writing to a String cannot fail.
        if self.total > 0 {
            let share = 100.0 * self.done as f64 / self.total as f64;
            let _ = write!(text, " of {} ({share:.0} %)", self.total);
        }
        if rate > 0.0 {
            let _ = write!(text, ", {}", rate_text(rate));
        }
        if rate > 0.0 && self.done < self.total {
            let left = (self.total - self.done) as f64 / rate;
            if let Ok(left) = Duration::try_from_secs_f64(left.round()) {
                let _ = write!(text, ", {} left", HumanDuration(left));
            }
        }
        if !self.note.is_empty() {
            let _ = write!(text, ", {}", self.note);
        }
        text
    }
}

fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(total: u64, done: u64, note: &str) -> Line {
        let now = Instant::now();
        Line {
            what: "train".to_owned(),
            total,
            begun: now,
            said: now,
            told: false,
            done,
            note: note.to_owned(),
        }
    }

    #[test]
    fn a_line_tells_rate_and_time_left() {
        let ten = Duration::from_secs(10);
        assert_eq!(
            line(200, 32, "loss 0.12").text(ten),
            "train: 32 of 200 (16 %), 3.2/s, 53 seconds left, loss 0.12"
        );
        assert_eq!(line(0, 5000, "").text(ten), "train: 5000, 500/s");
        assert_eq!(line(10, 0, "").text(ten), "train: 0 of 10 (0 %)");
        assert_eq!(line(10, 10, "").text(ten), "train: 10 of 10 (100 %), 1.0/s");
    }

    #[test]
    fn the_bars_templates_are_sound() {
        assert!(ProgressStyle::with_template(BOUNDED).is_ok());
        assert!(ProgressStyle::with_template(UNBOUNDED).is_ok());
    }
}
