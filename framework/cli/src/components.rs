//! The components that a command may name.

use std::path::{Path, PathBuf};

use lapidary_core::files::Stamp;
use lapidary_core::plugin::{Entry, Place, Refused, Registry, Report, SearchPath};
use lapidary_script::components;
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

/// Loads all plugins, then the Lua components of the same folders and of `components/` at or above the folder `near`; those
/// that cannot be used are refused and the others still load.
///
/// # Errors
/// When a folder of `--plugin-dir` is not there, or a component that is linked in cannot be used.
pub fn load(search: &Search, near: &Path) -> Result<Found, Failure> {
    if let Some(dir) = search.plugin_dir.iter().find(|dir| !dir.is_dir()) {
        let message = format!("--plugin-dir {}: no such folder", dir.display());
        return Err(Failure::usage(message));
    }
    let mut registry = Registry::empty();
    registry.add_linked()?;
    let path = SearchPath::new(&search.plugin_dir);
    let folders = with_near(path.folders(), near);
    let mut report = registry.load_dirs(path);
    for folder in &folders {
        components::add(&mut registry, folder, &mut report);
    }
    registry.note_refused(&report.refused);
    Ok(Found {
        registry,
        folders,
        report,
    })
}

/// As [`load`], for commands without a script: `near` is the working directory.
///
/// # Errors
/// As [`load`].
pub fn load_here(search: &Search) -> Result<Found, Failure> {
    load(search, Path::new("."))
}

fn with_near(folders: &[PathBuf], near: &Path) -> Vec<PathBuf> {
    let mut all = folders.to_vec();
    all.extend(components::folder_near(near).filter(|folder| !folders.contains(folder)));
    all
}

/// The files that [`load`] reads, each as it is now: another answer means that loading again may give other components.
pub fn files(search: &Search, near: &Path) -> Vec<(PathBuf, Stamp)> {
    let folders = with_near(SearchPath::new(&search.plugin_dir).folders(), near);
    let entries = folders
        .iter()
        .flat_map(std::fs::read_dir)
        .flatten()
        .flatten();
    let paths = entries.map(|entry| entry.path());
    let wanted = |path: &PathBuf| {
        path.extension()
            .is_some_and(|e| e == "so" || e == "dylib" || e == "lua")
    };
    let stamped = paths
        .filter(wanted)
        .filter_map(|path| Some((path.clone(), Stamp::of(&path).ok()?)));
    let mut all: Vec<_> = stamped.collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
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
