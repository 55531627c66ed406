//! Why a task did not end well.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

/// Result of everything here.
pub type Result<T> = std::result::Result<T, Failure>;

/// A message for a person and the exit code that goes with it.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The task failed: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    /// The task was asked for wrongly, or for something that cannot be: exit code 2.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 2,
        }
    }

    /// The system refused something at `path`.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().display().to_string();
        move |source| Self::failed(format!("{path}: {source}"))
    }

    /// The same failure, told by another program's exit code.
    pub fn with_code(mut self, code: Option<i32>) -> Self {
        self.code = code.and_then(|c| u8::try_from(c).ok()).unwrap_or(1);
        self
    }

    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
