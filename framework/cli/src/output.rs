//! Standard output. A reader that stops reading, such as `head`, ends the program quietly.

use std::io::{ErrorKind, Write};

use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::log_lines;

/// Version of the forms in `JSON.md`; grows when a key changes its meaning or goes away.
pub const FORMAT: u32 = 1;

/// Prints text as it is.
///
/// # Errors
/// When standard output cannot be written, for another reason than a closed pipe.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints one JSON document.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed(format!("JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Lines of two columns: names, padded to the longest, and what belongs to them.
pub fn pairs(indent: &str, pairs: &[(String, String)]) -> String {
    let width = pairs
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let next = format!("\n{}", " ".repeat(indent.len() + width + 2));
    (pairs.iter())
        .map(|(name, value)| {
            let line = format!("{indent}{name:width$}  {}", value.replace('\n', &next));
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// Rows whose columns start below each other; the last column is not padded.
pub fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |i: usize| {
        rows.iter()
            .map(|row| row[i].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    (rows.iter())
        .map(|row| {
            let cells = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            format!("{}\n", line.trim_end())
        })
        .collect()
}

/// Writes a line to standard error; when that is closed, there is nobody to tell.
pub fn remark(line: &str) {
    if log_lines::is_on() {
        return log_lines::write("info", "remark", json!({"message": line}));
    }
    let _ = writeln!(std::io::stderr(), "{line}");
}
