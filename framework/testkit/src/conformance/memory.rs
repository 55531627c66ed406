//! Memory that a component does not give back: a call is repeated, and the process's resident memory watched.

use std::time::{Duration, Instant};

use crate::suite::{Checked, Fault, Measured, Rule, Section};

const LEAKS: Rule = Rule::new(
    "leaks",
    Section::Ownership,
    "free what a call allocates: tensors made on the way, handles of tensors that were lent, texts; `destroy` frees all of an instance",
);

/// Rounds in all of which memory must grow to count as a leak. What fills a cache or a pool stops growing.
const ROUNDS: usize = 8;
/// Time that a round takes.
const ROUND: Duration = Duration::from_millis(60);
const MIN_CALLS: u32 = 4;
const MAX_CALLS: u32 = 4000;
/// Growth of a round that counts, in bytes.
const GROWTH: u64 = 256 << 10;

/// Something to repeat, with its name.
pub(super) type Repeated<'a> = (&'static str, &'a mut dyn FnMut() -> Checked);

/// Repeats each call and watches memory.
pub(super) fn leaks(suite: &mut crate::suite::Suite<'_>, calls: &mut [Repeated<'_>]) {
    suite.measure(LEAKS, || {
        if resident().is_none() {
            return Ok(Measured::Skipped(
                "this system does not tell the resident memory",
            ));
        }
        let mut told = Vec::new();
        for (name, call) in calls {
            let (least, calls) = watch(name, call)?;
            told.push(format!("{name} {calls} times, below {least} a call"));
        }
        Ok(Measured::As(told.join("\n")))
    });
}

/// Repeats one call until a round adds nothing. How small a leak would have been seen, and the calls of a round.
fn watch(name: &str, call: &mut dyn FnMut() -> Checked) -> Checked<(String, u32)> {
    let calls = warm_up(call)?;
    let (mut before, mut grown) = (resident().unwrap_or(0), 0);
    for _ in 0..ROUNDS {
        for _ in 0..calls {
            call()?;
        }
        let now = resident().unwrap_or(0);
        let more = now.saturating_sub(before);
        if more < GROWTH {
            return Ok((bytes(GROWTH / u64::from(calls)), calls));
        }
        (before, grown) = (now, grown + more);
    }
    let each = grown / (ROUNDS as u64 * u64::from(calls));
    Err(Fault::new(format!(
        "memory grew with every {calls} calls of {name}, by {} a call",
        bytes(each)
    )))
}

/// Calls for one round's time; how many calls a round then has.
fn warm_up(call: &mut dyn FnMut() -> Checked) -> Checked<u32> {
    let (start, mut calls) = (Instant::now(), 0);
    while calls < MIN_CALLS || (start.elapsed() < ROUND && calls < MAX_CALLS) {
        call()?;
        calls += 1;
    }
    Ok(calls)
}

/// Bytes of memory that the process holds; none where the system does not say.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}

fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        1024..1_048_576 => format!("{} KiB", n >> 10),
        _ => format!("{} MiB", n >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_and_what_is_freed_is_not() {
        if resident().is_none() {
            println!("skipped: no /proc/self/status");
            return;
        }
        let mut kept = Vec::new();
        let mut keep = || {
            kept.push(vec![1_u8; 300_000]);
            Ok(())
        };
        let fault = watch("keep", &mut keep).unwrap_err().to_string();
        assert!(fault.contains("calls of keep, by "), "{fault}");
        let mut free = || {
            std::hint::black_box(vec![1_u8; 300_000]);
            Ok(())
        };
        watch("free", &mut free).unwrap();
    }
}
