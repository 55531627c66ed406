//! Where plugins are looked for: only where the user says, and beside the program. Never in the working directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::registry::Refused;
use crate::error::{Error, Result};

/// The folders that are searched for plugins, in this order.
#[derive(Debug, Default)]
pub struct SearchPath {
    folders: Vec<PathBuf>,
    refused: Vec<Refused>,
}

impl SearchPath {
    /// Variable that lists further folders, as `PATH` does.
    pub const VARIABLE: &str = "LAPIDARY_PLUGIN_PATH";

    /// The folders given on the command line, those of [`SearchPath::VARIABLE`], and the one of the running program.
    pub fn new(given: &[PathBuf]) -> Self {
        let program = std::env::current_exe()
            .ok()
            .and_then(|program| Some(program.parent()?.to_path_buf()));
        let variable = std::env::var_os(Self::VARIABLE);
        Self::from_parts(given, variable.as_deref(), program.as_deref())
    }

    /// As [`SearchPath::new`], with the variable's value and the program's folder told.
    pub fn from_parts(given: &[PathBuf], variable: Option<&OsStr>, program: Option<&Path>) -> Self {
        let mut path = Self::default();
        for folder in given {
            path.push(folder);
        }
        for folder in std::env::split_paths(variable.unwrap_or_default()) {
            match (variable.is_none_or(OsStr::is_empty), folder.is_absolute()) {
                (true, _) => {}
                (_, true) => path.push(&folder),
                (_, false) => path.refuse_relative(folder),
            }
        }
        if let Some(folder) = program {
            path.push(folder);
        }
        path
    }

    /// The folders, absolute, each once.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Folders and entries that cannot be searched.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    pub(super) fn into_parts(self) -> (Vec<PathBuf>, Vec<Refused>) {
        (self.folders, self.refused)
    }

    fn push(&mut self, folder: &Path) {
        let found = std::fs::canonicalize(folder).and_then(|found| match found.is_dir() {
            true => Ok(found),
            false => Err(std::io::ErrorKind::NotADirectory.into()),
        });
        match found {
            Ok(found) if self.folders.contains(&found) => {}
            Ok(found) => self.folders.push(found),
            Err(error) => self.refused.push(Refused {
                path: folder.to_path_buf(),
                error: Error::io(folder)(error),
            }),
        }
    }

    fn refuse_relative(&mut self, folder: PathBuf) {
        let shown = folder.display();
        let reason = format!(
            "`{shown}` is not an absolute path; plugins are never searched relative to the working directory"
        );
        self.refused.push(Refused {
            path: folder,
            error: Error::setting(Self::VARIABLE, reason),
        });
    }
}

/// The libraries of a folder, by name.
pub(super) fn libraries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.extension().is_some_and(|e| e == "so" || e == "dylib") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_given_then_variable_then_program() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path.canonicalize().unwrap()
        };
        let (a, b, c) = (folder("a"), folder("b"), folder("c"));
        let variable = std::env::join_paths([&b, &a]).unwrap();
        let path = SearchPath::from_parts(std::slice::from_ref(&a), Some(&variable), Some(&c));
        assert_eq!(path.folders(), [a, b, c]);
        assert!(path.refused.is_empty());
    }

    #[test]
    fn relative_and_empty_entries_of_the_variable_are_refused() {
        let variable = OsStr::new("plugins::/");
        let path = SearchPath::from_parts(&[], Some(variable), None);
        assert_eq!(path.folders(), [PathBuf::from("/")]);
        let messages: Vec<_> = path.refused.iter().map(|r| r.error.to_string()).collect();
        assert_eq!(messages.len(), 2);
        assert!(messages[0].starts_with("LAPIDARY_PLUGIN_PATH: `plugins` is not an absolute path"));
        assert!(messages[1].contains("`` is not an absolute path"));
    }

    #[test]
    fn an_empty_variable_names_no_folder() {
        let path = SearchPath::from_parts(&[], Some(OsStr::new("")), None);
        assert!(path.folders().is_empty() && path.refused.is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let path = SearchPath::from_parts(&[PathBuf::from("/no/such/folder")], None, None);
        assert!(
            path.refused[0]
                .error
                .to_string()
                .contains("/no/such/folder")
        );
    }
}
