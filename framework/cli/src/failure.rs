//! How a command fails: an exit code, and words for a person.

use std::io::Write;

use serde_json::json;

use crate::log_lines;

/// Why a command did not do its work.
#[derive(Debug)]
pub struct Failure {
    code: i32,
    /// Empty when the user was told already.
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// The work failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
            hint: None,
        }
    }

    /// The command line was wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
            hint: None,
        }
    }

    /// The work failed, and the user has been told.
    pub fn told() -> Self {
        Self::failed("")
    }

    /// What the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same failure as one of the command line.
    pub fn into_usage(mut self) -> Self {
        self.code = 2;
        self
    }

    /// Tells the user, and returns the exit code.
    pub fn report(&self) -> i32 {
        if log_lines::is_on() && !self.message.is_empty() {
            let more = json!({"code": self.code, "message": self.message, "hint": self.hint});
            log_lines::write("error", "failure", more);
            return self.code;
        }
        let mut err = std::io::stderr().lock();
        // There is nobody left to tell when standard error is closed.
        if !self.message.is_empty() {
            let _ = writeln!(err, "error: {}", self.message);
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(err, "hint: {hint}");
        }
        self.code
    }
}

impl From<lapidary_core::Error> for Failure {
    fn from(error: lapidary_core::Error) -> Self {
        Self::failed(chain(&error))
    }
}

impl From<lapidary_script::Error> for Failure {
    fn from(error: lapidary_script::Error) -> Self {
        if error.is_interrupt() {
            return Self::from(lapidary_core::Error::Interrupted);
        }
        match error.is_usage() {
            true => Self::usage(chain(&error)),
            false => Self::failed(chain(&error)),
        }
    }
}

/// An error's text, then that of each cause which does not stand in it already.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}\n  because: {part}");
        }
        cause = error.source();
    }
    text
}

/// A panic is a fault of the program: says so in one line, and with `RUST_BACKTRACE` shows where it came from.
pub fn install_panic_hook() {
    let detailed = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v != "0") {
            return detailed(info);
        }
        let place = info
            .location()
            .map(|l| format!(" ({}:{})", l.file(), l.line()));
        let message = info.payload_as_str().unwrap_or("no message");
        let text = format!("internal error: {message}{}", place.unwrap_or_default());
        let fault = Failure::failed(text);
        fault
            .hint("this is a fault of Lapidary; RUST_BACKTRACE=1 shows more for a report")
            .report();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error, bool);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self.1 {
                true => write!(f, "cannot start: {}", self.0),
                false => f.write_str("cannot start"),
            }
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_are_told_once() {
        let cause = || std::io::Error::other("no disk");
        assert_eq!(chain(&Outer(cause(), true)), "cannot start: no disk");
        assert_eq!(
            chain(&Outer(cause(), false)),
            "cannot start\n  because: no disk"
        );
    }

    #[test]
    fn an_unknown_name_on_the_command_line_is_wrong_use() {
        let error = lapidary_core::Error::unknown("metric", "x", ["y"]);
        assert_eq!(Failure::from(error).into_usage().code, 2);
    }
}
