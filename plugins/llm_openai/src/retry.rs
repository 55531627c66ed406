//! When a call is tried again, and how long to wait before.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;

/// The wait before the first further try, without jitter; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait that is not the server's wish.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often a wait looks whether to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// Tells the threads of a batch to begin nothing more.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// From now on nothing more is begun.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether something may be begun.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when not.
    pub fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// Waits.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the batch stops, or the user asks to.
    pub fn wait(&self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            host::progress("language model", 0, 0)?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

/// Whether a reply of that status may be another one next time.
pub fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504 | 507..=599)
}

/// How long to wait before a further try: as long as the server wishes, otherwise twice as long each time, of which a
/// random part is left out so that the calls of many do not come together.
pub fn wait_before(tried: u32, wish: Option<Duration>) -> Duration {
    wish.unwrap_or_else(|| {
        let full = FIRST_WAIT
            .saturating_mul(1 << tried.saturating_sub(1).min(16))
            .min(LONGEST_WAIT);
        full.mul_f64(rand::random_range(0.5..=1.0))
    })
}

/// Reads the header `Retry-After`: seconds, or a date.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_heed_the_server() {
        for (tried, full) in [(1, 1.0), (2, 2.0), (4, 8.0), (7, 60.0), (40, 60.0)] {
            let wait = wait_before(tried, None).as_secs_f64();
            assert!((full / 2.0..=full).contains(&wait), "{tried}: {wait}");
        }
        let wish = Duration::from_secs(300);
        assert_eq!(wait_before(1, Some(wish)), wish);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_767);
        let of = |value| retry_after(value, now).map(|d| d.as_millis());
        assert_eq!(of("7"), Some(7000));
        assert_eq!(of(" 0.5 "), Some(500));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(10_000));
        assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!((of("-3"), of("soon"), of("")), (None, None, None));
    }

    #[test]
    fn busy_and_broken_servers_are_tried_again() {
        for status in [408, 429, 500, 502, 503, 504, 529] {
            assert!(may_pass(status), "{status}");
        }
        for status in [200, 301, 400, 401, 404, 422, 501, 505] {
            assert!(!may_pass(status), "{status}");
        }
    }

    #[test]
    fn who_waits_is_woken_to_stop() {
        let stop = Stop::default();
        assert!(stop.wait(Duration::ZERO).is_ok());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stop.wait(Duration::from_secs(3600)));
            stop.set();
            assert!(matches!(waiting.join(), Ok(Err(Error::Interrupted))));
        });
    }
}
