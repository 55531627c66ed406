//! Making the folder, and writing into it and nowhere else.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use serde_json::Value;

use super::manifest::{Manifest, Outcome, Start};
use super::table::Table;
use crate::error::{Error, Result};
use crate::files;
use crate::lock::{self, Lock};

/// What was run, and how it ended.
pub(super) const MANIFEST: &str = "run.json";
/// Held as long as the run goes on.
pub(super) const LOCK: &str = ".lock";

/// A run's own folder. Its methods take `&self`: parts of a run share it.
///
/// A folder that is dropped without [`RunFolder::finish`] is marked as failed.
pub struct RunFolder {
    path: PathBuf,
    manifest: Mutex<Manifest>,
    pub(super) curves: Mutex<HashMap<String, PathBuf>>,
    _lock: Lock,
}

impl RunFolder {
    /// Makes `PARENT/<script's stem>-<UTC date and time>[-n]` and writes `run.json` and `script.lua` into it.
    /// Two runs never share a folder, also when they start in the same second.
    ///
    /// # Errors
    /// When the script cannot be read or the folder cannot be made.
    pub fn create(parent: &Path, script: &Path, start: Start) -> Result<Self> {
        let text = fs::read(script).map_err(Error::io(script))?;
        Self::of_text(parent, script, &text, start)
    }

    /// The same for a script of that text, which need not be a file.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn of_text(parent: &Path, script: &Path, text: &[u8], start: Start) -> Result<Self> {
        let now = Utc::now();
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
        let name = format!("{}-{}", stem(script), now.format("%Y%m%d-%H%M%S"));
        let path = create_new(parent, &name)?;
        let folder = Self {
            _lock: lock::take(&path.join(LOCK), "this run")?,
            path,
            manifest: Mutex::new(Manifest::new(script, text, start, now)),
            curves: Mutex::default(),
        };
        replace(&folder.path.join("script.lua"), text)?;
        folder.save(&folder.manifest())?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds `key` to `run.json`, or replaces what an earlier call put there.
    ///
    /// # Errors
    /// When `key` is one that the folder itself writes, or `run.json` cannot be written.
    pub fn record(&self, key: &str, value: impl Into<Value>) -> Result<()> {
        let mut manifest = self.manifest();
        manifest.record(key, value.into())?;
        self.save(&manifest)
    }

    /// Adds `key` to the object `section` of `run.json`: sections are `components`, `plugins`, `datasets`, `seeds`,
    /// `versions` and any that [`RunFolder::record`] could write.
    ///
    /// # Errors
    /// When `section` is no object, or `run.json` cannot be written.
    pub fn record_in(&self, section: &str, key: &str, value: impl Into<Value>) -> Result<()> {
        let mut manifest = self.manifest();
        if manifest.record_in(section, key, value.into())? {
            self.save(&manifest)?;
        }
        Ok(())
    }

    /// Writes `script.lua` anew, where the script is written while it runs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn rewrite_script(&self, text: &str) -> Result<()> {
        self.manifest().set_script(text.as_bytes());
        replace(&self.path.join("script.lua"), text.as_bytes())
    }

    /// Writes how the run ended, and when.
    ///
    /// # Errors
    /// When `run.json` cannot be written.
    pub fn finish(&self, outcome: &Outcome) -> Result<()> {
        let mut manifest = self.manifest();
        manifest.finish(outcome, Utc::now());
        self.save(&manifest)
    }

    /// Writes a text file: the whole text, or nothing. `name` may name subfolders, which are made.
    ///
    /// # Errors
    /// When `name` leads out of the folder or through a link, is one of the folder's own files, or cannot be written.
    pub fn write_text(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.file(name)?;
        replace(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Writes `tables/NAME.csv` and `tables/NAME.md`.
    ///
    /// # Errors
    /// As [`RunFolder::write_text`].
    pub fn write_table(&self, name: &str, table: &Table) -> Result<()> {
        self.write_text(&format!("tables/{name}.csv"), &table.csv()?)?;
        self.write_text(&format!("tables/{name}.md"), &table.markdown())?;
        Ok(())
    }

    /// The path of a file in this folder, for a writer of its own such as that of rankings; makes its subfolders.
    ///
    /// # Errors
    /// When `name` leads out of the folder or through a link, or is one of the folder's own files.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let path = self.inside(name)?;
        let top = Path::new(name)
            .components()
            .find(|part| *part != Component::CurDir);
        let own = [MANIFEST, LOCK, "script.lua", "metrics.jsonl", "tensorboard"];
        if top.is_some_and(|top| own.iter().any(|name| top.as_os_str() == *name)) {
            return Err(refused(name, "this name is taken by the run itself"));
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        Ok(path)
    }

    /// Joins `name` to the folder after checking that it stays inside and meets no link.
    pub(super) fn inside(&self, name: &str) -> Result<PathBuf> {
        let mut path = self.path.clone();
        for part in Path::new(name).components() {
            match part {
                Component::CurDir => continue,
                Component::Normal(part) => path.push(part),
                _ => {
                    return Err(refused(
                        name,
                        "absolute paths and `..` are not allowed: name a file inside the run's folder",
                    ));
                }
            }
            if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
                return Err(refused(name, "a link stands there: links are not followed"));
            }
        }
        if name.contains('\0') || path == self.path || path.is_dir() {
            return Err(refused(name, "this is not the name of a file"));
        }
        Ok(path)
    }

    fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, manifest: &Manifest) -> Result<()> {
        replace(&self.path.join(MANIFEST), manifest.to_text().as_bytes())
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    files::replace(path, |new| fs::write(new, bytes).map_err(Error::io(new)))
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.manifest().is_running() {
            let outcome = Outcome::Failed("the run ended without telling how".to_owned());
            if let Err(error) = self.finish(&outcome) {
                tracing::warn!("{error}");
            }
        }
    }
}

fn refused(name: &str, reason: &str) -> Error {
    Error::setting(format!("file name `{name}`"), reason)
}

/// The script's name without its ending, in letters that suit every file system.
fn stem(script: &Path) -> String {
    let stem = script.file_stem().unwrap_or_default().to_string_lossy();
    let plain = plain_name(&stem);
    if plain.is_empty() {
        "run".to_owned()
    } else {
        plain
    }
}

/// `text` with everything but letters, digits, `-`, `_` and inner dots replaced by `_`.
pub(super) fn plain_name(text: &str) -> String {
    text.trim_matches('.')
        .chars()
        .map(|c| match c {
            '-' | '_' | '.' => c,
            c if c.is_alphanumeric() => c,
            _ => '_',
        })
        .collect()
}

/// Makes `parent/name`, or the first free of `parent/name-2`, `-3`, …: whoever makes a folder owns it.
fn create_new(parent: &Path, name: &str) -> Result<PathBuf> {
    let mut path = parent.join(name);
    let mut number = 1;
    loop {
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                number += 1;
                path = parent.join(format!("{name}-{number}"));
            }
            Err(e) => return Err(Error::io(path)(e)),
        }
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
