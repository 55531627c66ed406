//! What a script run can end with, in words that name the script and the line.

use std::fmt;
use std::path::{Path, PathBuf};

use lapidary_core::toml_file::shown_line;

mod lines;
mod words;

/// Why a script did not finish.
#[derive(Debug)]
pub struct Error {
    /// The script, and the line where it is known.
    pub place: Option<(PathBuf, Option<u32>)>,
    /// What happened.
    pub message: String,
    /// The lines that it is about, each under its number; empty where none is known.
    shown: String,
    /// The Lua call stack, one call a line, when the failure was inside nested calls.
    pub stack: Vec<String>,
    sort: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Failed,
    Interrupted,
    Usage,
}

/// Marks an error that the command line caused, not the script.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

impl Error {
    /// Whether the user's interrupt ended the script.
    pub fn is_interrupt(&self) -> bool {
        self.sort == Sort::Interrupted
    }

    /// Whether the command line was wrong, not the script.
    pub fn is_usage(&self) -> bool {
        self.sort == Sort::Usage
    }

    /// What happened, and the line of the script below it.
    pub(crate) fn with_line(&self) -> String {
        format!("{}{}", self.message.trim_end(), self.shown)
    }

    fn failed(message: String) -> Self {
        Self {
            place: None,
            message,
            shown: String::new(),
            stack: Vec::new(),
            sort: Sort::Failed,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            sort: Sort::Usage,
            ..Self::failed(message.into())
        }
    }

    /// A mistake that the script went on from, with the call stack at that place.
    pub(crate) fn noted(script: &Path, source: &str, traceback: &str, message: String) -> Self {
        let chunk = chunk_name(script);
        let call = lines_in(traceback, &chunk).first().copied();
        let lines = call.map_or_else(Vec::new, |call| lines::of_call(&message, source, call));
        Self {
            place: Some((script.to_path_buf(), lines.first().copied())),
            shown: shown(&chunk, source, &lines),
            ..Self::failed(message)
        }
    }

    /// Shows also the lines of configurations that it is about, where those of the script are not.
    pub(crate) fn in_configs(mut self, configs: &[PathBuf]) -> Self {
        for path in configs {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let name = path.display().to_string();
            let lines = lines::of_config(&self.message, &self.shown, &text);
            let shown = lines.iter().map(|line| shown_line(&name, &text, *line));
            self.shown.extend(shown);
        }
        self
    }

    /// All mistakes of a script, and what ended it, as one.
    pub(crate) fn all(script: &Path, mut mistakes: Vec<Self>) -> Option<Self> {
        let mut told: Vec<String> = mistakes.iter().map(Self::to_string).collect();
        told.dedup();
        match told.len() {
            0 | 1 => mistakes.pop(),
            n => Some(Self {
                place: Some((script.to_path_buf(), None)),
                ..Self::failed(format!("{n} mistakes:\n{}", told.join("\n")))
            }),
        }
    }

    /// Reads what Lua reports: the innermost cause, and the script's line from the traceback. `source` is the script's text,
    /// empty where none is to be shown.
    pub(crate) fn from_lua(script: &Path, source: &str, error: &mlua::Error) -> Self {
        let mut traceback = String::new();
        let mut cause = error;
        while let mlua::Error::CallbackError {
            traceback: inner,
            cause: next,
        } = cause
        {
            traceback.clone_from(inner);
            cause = next;
        }
        let sort = if cause.downcast_ref::<Usage>().is_some() {
            Sort::Usage
        } else if cause
            .downcast_ref()
            .is_some_and(lapidary_core::Error::is_interrupt)
        {
            Sort::Interrupted
        } else {
            Sort::Failed
        };
        let text = words::of(cause);
        let chunk = chunk_name(script);
        let (head, tail) = text.split_once("\nstack traceback:").unwrap_or((&text, ""));
        let traceback = if traceback.is_empty() {
            tail.to_owned()
        } else {
            traceback
        };
        let stack = lines_in(&traceback, &chunk);
        let (call, lines, message) = match (strip_place(head, &chunk), stack.first()) {
            (Some((line, rest)), _) => (Some(line), vec![line], rest),
            (None, Some(&call)) => (Some(call), lines::of_call(head, source, call), head),
            (None, None) => (None, Vec::new(), head),
        };
        let outer = stack.iter().filter(|l| Some(**l) != call);
        let stack = outer
            .map(|l| format!("called from {}:{l}", script.display()))
            .collect();
        Self {
            place: Some((script.to_path_buf(), lines.first().copied())),
            message: message.to_owned(),
            shown: shown(&chunk, source, &lines),
            stack,
            sort,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((path, Some(line))) => write!(f, "{}:{line}: ", path.display())?,
            Some((path, None)) => write!(f, "{}: ", path.display())?,
            None => {}
        }
        f.write_str(&self.with_line())?;
        for call in &self.stack {
            write!(f, "\n  {call}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<lapidary_core::Error> for Error {
    fn from(error: lapidary_core::Error) -> Self {
        let sort = match error.is_interrupt() {
            true => Sort::Interrupted,
            false => Sort::Failed,
        };
        Self {
            sort,
            ..Self::failed(error.to_string())
        }
    }
}

/// The name under which Lua knows the script.
pub(crate) fn chunk_name(script: &Path) -> String {
    script
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Lines of a script below a message.
fn shown(chunk: &str, source: &str, lines: &[u32]) -> String {
    let lines = lines.iter();
    lines
        .map(|line| shown_line(chunk, source, *line as usize))
        .collect()
}

/// Cuts `name:12: ` off the front of a message.
fn strip_place<'a>(text: &'a str, chunk: &str) -> Option<(u32, &'a str)> {
    let rest = text.strip_prefix(chunk)?.strip_prefix(':')?;
    let (line, rest) = rest.split_once(':')?;
    Some((line.parse().ok()?, rest.trim_start()))
}

/// The lines of the script that a traceback names, innermost first, each once.
fn lines_in(traceback: &str, chunk: &str) -> Vec<u32> {
    let mut lines = Vec::new();
    for text in traceback.lines() {
        if let Some((line, _)) = strip_place(text.trim_start(), chunk)
            && !lines.contains(&line)
        {
            lines.push(line);
        }
    }
    lines
}
