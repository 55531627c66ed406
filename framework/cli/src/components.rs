//! The components that a command may name.

use std::path::PathBuf;

use lapidary_core::plugin::{Entry, Place, Refused, Registry, Report, SearchPath};
use serde::Serialize;

use crate::args::Search;
use crate::failure::Failure;

/// What was found, where, and what was refused.
pub struct Found {
    /// All components.
    pub registry: Registry,
    /// The folders searched, in order.
    pub folders: Vec<PathBuf>,
    /// What became of the libraries in them.
    pub report: Report,
}

/// Loads all plugins; those that cannot be used are refused and the others still load.
///
/// # Errors
/// When a folder of `--plugin-dir` is not there, or a component that is linked in cannot be used.
pub fn load(search: &Search) -> Result<Found, Failure> {
    if let Some(dir) = search.plugin_dir.iter().find(|dir| !dir.is_dir()) {
        let message = format!("--plugin-dir {}: no such folder", dir.display());
        return Err(Failure::usage(message));
    }
    let mut registry = Registry::empty();
    registry.add_linked()?;
    let path = SearchPath::new(&search.plugin_dir);
    let folders = path.folders().to_vec();
    let report = registry.load_dirs(path);
    Ok(Found {
        registry,
        folders,
        report,
    })
}

/// Where a component is from, in JSON.
#[derive(Debug, Serialize)]
pub struct Source<'a> {
    name: &'a str,
    version: &'a str,
    /// `library`, `linked` or `script`.
    place: &'static str,
    file: Option<&'a PathBuf>,
}

impl<'a> Source<'a> {
    /// Of this component.
    pub fn of(entry: &'a Entry) -> Self {
        let (place, file) = match &entry.origin.place {
            Place::Linked => ("linked", None),
            Place::Library(file) => ("library", Some(file)),
            Place::Script(file) => ("script", Some(file)),
        };
        let (name, version) = (&entry.origin.plugin, &entry.origin.version);
        Self {
            name,
            version,
            place,
            file,
        }
    }
}

impl std::fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}, ", self.name, self.version)?;
        match self.file {
            Some(file) => write!(f, "{}", file.display()),
            None => f.write_str("linked in"),
        }
    }
}

/// A library or folder that was refused, in JSON.
#[derive(Debug, Serialize)]
pub struct Refusal {
    file: PathBuf,
    code: &'static str,
    message: String,
}

impl Refusal {
    /// All of them.
    pub fn all(refused: &[Refused]) -> Vec<Self> {
        let one = |refused: &Refused| Self {
            file: refused.path.clone(),
            code: refused.error.code(),
            message: refused.error.to_string(),
        };
        refused.iter().map(one).collect()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Messages of plugins name their file themselves.
        f.write_str(&self.message)
    }
}
