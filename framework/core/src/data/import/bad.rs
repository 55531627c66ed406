//! Lines that cannot be used: the first one ends the import, or all are counted.

use std::borrow::Cow;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};

const NAMED: usize = 3;

/// Why a line cannot be used.
#[derive(Debug)]
pub(super) struct LineError {
    /// Equal for all lines with the same trouble.
    pub reason: Cow<'static, str>,
    /// What stands there.
    pub found: Option<String>,
}

/// What becomes of a line.
pub(super) type LineResult<T> = std::result::Result<T, LineError>;

impl LineError {
    /// A reason, and the text it is about.
    pub fn new(reason: impl Into<Cow<'static, str>>, found: &str) -> Self {
        let mut found: String = found.chars().take(81).collect();
        if found.chars().count() > 80 {
            found.truncate(found.char_indices().nth(77).map_or(0, |(at, _)| at));
            found.push('…');
        }
        Self {
            reason: reason.into(),
            found: Some(found),
        }
    }

    /// A reason that needs no text.
    pub fn bare(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: reason.into(),
            found: None,
        }
    }

    /// The error of a file that cannot do without the line; `hint` goes on with what to do.
    pub fn at(self, path: &Path, line: u64, hint: &str) -> Error {
        let Self { reason, found } = self;
        let found = found.map(|f| format!(": `{f}`")).unwrap_or_default();
        Error::data(path, Some(line), format!("{reason}{found}{hint}"))
    }
}

/// Lines that were left out for one reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BadLines {
    /// What is wrong with them.
    pub reason: String,
    /// How many there are.
    pub count: u64,
    /// The first few, as `file:line`.
    pub first: Vec<String>,
}

/// Ends the import at the first bad line, or counts them all.
#[derive(Debug, Default)]
pub(super) struct Bad {
    pub skip: bool,
    pub lines: Vec<BadLines>,
}

impl Bad {
    /// Takes the outcome of one line.
    ///
    /// # Errors
    /// [`Error::Data`] with file, line and reason, unless bad lines are skipped.
    pub fn note(&mut self, path: &Path, line: u64, outcome: LineResult<()>) -> Result<()> {
        let Err(error) = outcome else {
            return Ok(());
        };
        if !self.skip {
            let hint = "; to leave such lines out and count them, set skip_bad (--skip-bad)";
            return Err(error.at(path, line, hint));
        }
        let reason = error.reason;
        let known = self.lines.iter().position(|b| b.reason == reason);
        let at = known.unwrap_or_else(|| {
            let (reason, first) = (reason.into_owned(), Vec::new());
            self.lines.push(BadLines {
                reason,
                count: 0,
                first,
            });
            self.lines.len() - 1
        });
        let lines = &mut self.lines[at];
        lines.count += 1;
        if lines.first.len() < NAMED {
            lines.first.push(format!("{}:{line}", path.display()));
        }
        Ok(())
    }
}
