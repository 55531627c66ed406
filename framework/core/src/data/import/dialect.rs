//! How a text table is written.

use std::path::Path;

use super::reader::{Lines, Meter};
use crate::error::{Error, Result};

/// How a text table is written.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    pub separator: String,
    /// Whether fields may stand in double quotes.
    pub quoted: bool,
    pub header: bool,
}

impl Dialect {
    pub fn new(separator: &str, header: bool) -> Self {
        Self {
            separator: separator.to_owned(),
            quoted: [",", ";"].contains(&separator),
            header,
        }
    }
}

/// The dialect of a text table: the separator that is told, or else the one its name or first line shows.
pub(super) fn dialect(
    path: &Path,
    separator: Option<&str>,
    header: bool,
    meter: &Meter,
) -> Result<Dialect> {
    if let Some(separator) = separator {
        if separator.is_empty() {
            return Err(Error::setting("columns.separator", "is empty"));
        }
        return Ok(Dialect::new(separator, header));
    }
    let name = path.to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(".gz");
    if name.ends_with(".csv") {
        return Ok(Dialect::new(",", header));
    }
    if is_parquet(path) || name.ends_with(".tsv") {
        return Ok(Dialect::new("\t", header));
    }
    let mut lines = Lines::open(path, meter)?;
    let first = lines
        .next()?
        .map(|(_, line)| String::from_utf8_lossy(line).into_owned())
        .unwrap_or_default();
    let found = ["\t", "::", ",", ";", "|", " "]
        .into_iter()
        .find(|s| first.contains(s));
    let unclear = "no separator is found in the first line; set columns.separator";
    found
        .map(|s| Dialect::new(s, header))
        .ok_or_else(|| Error::data(path, Some(1), unclear))
}

pub(super) fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e == "parquet" || e == "pq")
}
