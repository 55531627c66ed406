//! Progress as lines of standard error, for files and programs: text now and then, or JSON.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::HumanDuration;
use lapidary_core::progress::Display;
use serde_json::{Value, json};

use super::{Stages, rate_text};
use crate::log_lines;

/// How often stages are looked at that have no news.
const TICK: Duration = Duration::from_millis(500);

/// The form of the lines.
pub(super) trait Form: Sync {
    /// How long a stage says nothing, when it has run for so long.
    fn pause(&self, elapsed: Duration) -> Duration;
    /// Whether stages are told that end before their first pause is over.
    fn tells_short_ones(&self) -> bool;
    /// Writes what a stage has come to.
    fn tell(&self, event: &str, line: &Line, now: Instant);
}

/// Lines of text, fewer of them the longer a stage takes.
pub(super) struct Text;

/// JSON lines, at most one a second.
pub(super) struct Json;

/// Shows stages as lines.
pub(super) struct Lines {
    stages: Arc<Stages<Line>>,
    form: &'static dyn Form,
}

/// A running stage.
pub(super) struct Line {
    id: u64,
    what: String,
    total: u64,
    begun: Instant,
    said: Instant,
    told: bool,
    /// What was done when the first news came: a stage that goes on where another ended does not begin at 0.
    first: Option<(u64, Instant)>,
    done: u64,
    note: String,
}

impl Lines {
    pub fn new(form: &'static dyn Form) -> Self {
        let stages = Arc::new(Stages::<Line>::default());
        let watched = Arc::clone(&stages);
        let watch = move || {
            loop {
                thread::sleep(TICK);
                for line in watched.lock().values_mut() {
                    line.tell_if_due(form, Instant::now());
                }
            }
        };
        let thread = thread::Builder::new().name("progress".to_owned());
        // Without it, stages that have news are told all the same.
        let _ = thread.spawn(watch);
        Self { stages, form }
    }
}

impl Display for Lines {
    fn begin(&self, what: &str, total: u64) -> u64 {
        let mut line = Line::new(what, total, Instant::now());
        line.told = self.form.tells_short_ones();
        let id = self.stages.add(line);
        if let Some(line) = self.stages.lock().get_mut(&id) {
            line.id = id;
            if line.told {
                self.form.tell("begin", line, line.begun);
            }
        }
        id
    }

    fn update(&self, stage: u64, done: u64, note: &str) {
        if let Some(line) = self.stages.lock().get_mut(&stage) {
            let now = Instant::now();
            line.update(done, note, now);
            line.tell_if_due(self.form, now);
        }
    }

    fn end(&self, stage: u64) {
        let line = self.stages.lock().remove(&stage);
        // A short stage says nothing; one that spoke also says where it ended.
        if let Some(line) = line.filter(|line| line.told) {
            self.form.tell("end", &line, Instant::now());
        }
    }
}

impl Line {
    fn new(what: &str, total: u64, now: Instant) -> Self {
        Self {
            id: 0,
            what: what.to_owned(),
            total,
            begun: now,
            said: now,
            told: false,
            first: None,
            done: 0,
            note: String::new(),
        }
    }

    fn update(&mut self, done: u64, note: &str, now: Instant) {
        self.done = done;
        note.clone_into(&mut self.note);
        self.first.get_or_insert((done, now));
    }

    /// Says what it has come to, after a pause.
    fn tell_if_due(&mut self, form: &dyn Form, now: Instant) {
        if now - self.said >= form.pause(now - self.begun) {
            self.said = now;
            self.told = true;
            form.tell("progress", self, now);
        }
    }

    /// Units a second, where that is known.
    fn rate(&self, now: Instant) -> Option<f64> {
        let since = |(done, then): (u64, Instant)| {
            let units = self.done.saturating_sub(done) as f64;
            units / (now - then).as_secs_f64().max(1e-9)
        };
        // The first unit of a stage that begins at 0 counts from its beginning.
        let first = self.first?;
        let rate = match first.0 <= 1 {
            true => since((0, self.begun)),
            false => since(first),
        };
        (rate > 0.0).then_some(rate)
    }

    /// Time until all units are done, where that can be told.
    fn left(&self, now: Instant) -> Option<Duration> {
        let units = self.total.checked_sub(self.done).filter(|n| *n > 0)?;
        Duration::try_from_secs_f64((units as f64 / self.rate(now)?).round()).ok()
    }

    /// `train: 34 of 200 (17 %), 3.2/s, 52 seconds left, loss 0.12`, or how long it takes, where nothing is counted
    fn text(&self, now: Instant) -> String {
        let mut text = format!("{}: ", self.what);
        let _ = match (self.total, self.done) {
            (0, 0) => write!(text, "{}", HumanDuration(now - self.begun)),
            (_, done) => write!(text, "{done}"),
        };
        // Writing to a String cannot fail.
        if self.total > 0 {
            let share = 100.0 * self.done as f64 / self.total as f64;
            let _ = write!(text, " of {} ({share:.0} %)", self.total);
        }
        if let Some(rate) = self.rate(now) {
            let _ = write!(text, ", {}", rate_text(rate));
        }
        if let Some(left) = self.left(now) {
            let _ = write!(text, ", {} left", HumanDuration(left));
        }
        if !self.note.is_empty() {
            let _ = write!(text, ", {}", self.note);
        }
        text
    }

    fn json(&self, now: Instant) -> Value {
        json!({
            "id": self.id,
            "stage": self.what,
            "done": self.done,
            "total": (self.total > 0).then_some(self.total),
            "rate": self.rate(now),
            "left": self.left(now).map(|left| left.as_secs()),
            "elapsed": (now - self.begun).as_secs_f64(),
            "message": self.note,
        })
    }
}

impl Form for Text {
    fn pause(&self, elapsed: Duration) -> Duration {
        (elapsed / 2).clamp(Duration::from_secs(2), Duration::from_secs(60))
    }

    fn tells_short_ones(&self) -> bool {
        false
    }

    fn tell(&self, _: &str, line: &Line, now: Instant) {
        let _ = writeln!(io::stderr(), "{}", line.text(now));
    }
}

impl Form for Json {
    fn pause(&self, _: Duration) -> Duration {
        Duration::from_secs(1)
    }

    fn tells_short_ones(&self) -> bool {
        true
    }

    fn tell(&self, event: &str, line: &Line, now: Instant) {
        log_lines::write("info", event, line.json(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    fn text(total: u64, done: u64, note: &str) -> String {
        let now = Instant::now();
        let mut line = Line::new("train", total, now);
        line.update(0, "", now);
        line.update(done, note, now + TEN);
        line.text(now + TEN)
    }

    #[test]
    fn a_line_tells_rate_and_time_left() {
        assert_eq!(
            text(200, 32, "loss 0.12"),
            "train: 32 of 200 (16 %), 3.2/s, 53 seconds left, loss 0.12"
        );
        assert_eq!(text(0, 5000, ""), "train: 5000, 500/s");
        assert_eq!(text(0, 0, ""), "train: 10 seconds");
        assert_eq!(text(10, 0, ""), "train: 0 of 10 (0 %)");
        assert_eq!(text(10, 10, ""), "train: 10 of 10 (100 %), 1.0/s");
    }

    /// Lines of text that are not written.
    struct Silent;

    impl Form for Silent {
        fn pause(&self, elapsed: Duration) -> Duration {
            Text.pause(elapsed)
        }

        fn tells_short_ones(&self) -> bool {
            false
        }

        fn tell(&self, _: &str, _: &Line, _: Instant) {}
    }

    #[test]
    fn a_stage_is_told_after_two_seconds_and_then_ever_less_often() {
        let begun = Instant::now();
        let mut line = Line::new("train", 200, begun);
        let mut told = Vec::new();
        for second in 1..=250 {
            let now = begun + Duration::from_secs(second);
            line.tell_if_due(&Silent, now);
            if line.said == now {
                told.push(second);
            }
        }
        assert_eq!(told, [2, 4, 8, 16, 32, 64, 124, 184, 244]);
    }

    #[test]
    fn what_was_done_before_does_not_count_in_the_rate() {
        let now = Instant::now();
        let mut line = Line::new("train", 200, now);
        line.update(100, "", now);
        assert_eq!(line.text(now + TEN), "train: 100 of 200 (50 %)");
        line.update(120, "", now + TEN);
        assert_eq!(
            line.text(now + TEN),
            "train: 120 of 200 (60 %), 2.0/s, 40 seconds left"
        );
    }

    #[test]
    fn json_says_the_same() {
        let now = Instant::now();
        let mut line = Line::new("train", 200, now);
        line.update(1, "loss 0.12", now + TEN);
        let told = line.json(now + TEN);
        assert_eq!(told["left"], 1990);
        assert_eq!(told["total"], 200);
        assert_eq!(told["message"], "loss 0.12");
        assert_eq!(Line::new("read", 0, now).json(now)["total"], Value::Null);
    }
}
