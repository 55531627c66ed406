//! Logs go to standard error; `LAPIDARY_LOG` chooses what is shown, warnings by default.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::display;
use crate::failure::Failure;
use crate::log_lines;

const VARIABLE: &str = "LAPIDARY_LOG";

/// Starts logging.
///
/// # Errors
/// When `LAPIDARY_LOG` cannot be read.
pub fn install() -> Result<(), Failure> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::WARN.into())
        .parse(&text)
        .map_err(|error| {
            Failure::usage(format!("{VARIABLE}: `{text}`: {error}"))
                .hint("use error, warn, info, debug or trace, or module=level, separated by commas")
        })?;
    if log_lines::is_on() {
        let lines = tracing_subscriber::registry().with(filter);
        lines.with(log_lines::Lines).init();
        return Ok(());
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .with_writer(|| BesideBars)
        .init();
    Ok(())
}

/// Standard error, with progress bars out of the way while a line is written.
struct BesideBars;

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        display::suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
