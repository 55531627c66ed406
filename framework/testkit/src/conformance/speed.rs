//! How long calls take: told, not judged.

use std::time::{Duration, Instant};

use crate::suite::{Checked, Measured, Rule, Section, Suite};

const SPEED: Rule = Rule::new("speed", Section::Invoke, "make the call succeed each time");
/// Time after which a call is not repeated.
const ENOUGH: Duration = Duration::from_millis(60);
const MAX_CALLS: usize = 50;

/// Something to time, with what it does.
pub(super) type Timed<'a> = (String, &'a mut dyn FnMut() -> Checked);

/// Tells the middle time of each call.
pub(super) fn speed(suite: &mut Suite<'_>, calls: &mut [Timed<'_>]) {
    suite.measure(SPEED, || {
        let mut told = Vec::new();
        for (name, call) in calls {
            told.push(format!("{name}: {}", shown(median(call)?)));
        }
        Ok(Measured::As(told.join("\n")))
    });
}

/// The middle of several calls' times.
fn median(call: &mut dyn FnMut() -> Checked) -> Checked<Duration> {
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || (start.elapsed() < ENOUGH && times.len() < MAX_CALLS) {
        let begin = Instant::now();
        call()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        m if m < 1e3 => format!("{m:.0} µs"),
        m if m < 1e6 => format!("{:.1} ms", m / 1e3),
        m => format!("{:.1} s", m / 1e6),
    }
}
