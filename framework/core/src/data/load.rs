//! Data sets by their description: imported once, then opened from a cache.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use super::import::detect::{Sources, sources};
use super::import::{ImportReport, ImportSpec, import_files};
use super::store::{MANIFEST, TEMPORARY, VERSION};
use crate::artefact::write_json;
use crate::error::{Error, Result};
use crate::files;
use crate::fingerprint::{Builder, Fingerprint};
use crate::{interrupt, lock};

/// Opens the data set that a TOML file describes. It is imported into the folder `cache` when it is not there yet, when
/// the description or a source file changed, or when the stored form is damaged.
///
/// # Errors
/// Those of [`import`](super::import::import), of [`ImportSpec::from_toml`] and of [`Dataset::open`].
pub fn load_toml(path: &Path, cache: &Path) -> Result<Dataset> {
    load(&ImportSpec::from_toml(path)?, cache).map(|(data, _)| data)
}

/// As [`load_toml`], from a description; the report tells what an import did, if there was one.
///
/// # Errors
/// As [`load_toml`].
pub fn load(spec: &ImportSpec, cache: &Path) -> Result<(Dataset, Option<ImportReport>)> {
    spec.check(&spec.name)?;
    let sources = sources(spec)?;
    std::fs::create_dir_all(cache).map_err(Error::io(cache))?;
    let key = key(spec, &sources, &Stamps::in_folder(cache))?;
    let name = format!("{}-{}", safe(&spec.name), key.short());
    let folder = cache.join(&name);
    // A sound one needs no lock, so a cache that cannot be written serves. Otherwise another process may be about to
    // replace it, and what is wrong with it is looked at again when that one is done.
    if let Ok(data) = Dataset::open(&folder) {
        return Ok((data, None));
    }
    let what = format!("the data set `{}`", spec.name);
    let _lock = lock::take(&cache.join(format!(".{name}.lock")), &what)?;
    match open(&folder)? {
        Some(data) => Ok((data, None)),
        None => {
            remove_leftovers(cache);
            let report = import_files(spec, &sources, &folder)?;
            Ok((Dataset::open(&folder)?, Some(report)))
        }
    }
}

/// Opens the data set of that fingerprint, where the folder `cache` has it.
///
/// # Errors
/// Those of [`Dataset::open`].
pub fn find_stored(cache: &Path, fingerprint: &Fingerprint) -> Result<Option<Dataset>> {
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let folder = entry.path();
        let finished = !entry.file_name().to_string_lossy().starts_with('.');
        // Others that cannot be read are not what is looked for.
        if finished && Dataset::fingerprint_in(&folder).is_ok_and(|found| found == *fingerprint) {
            return Dataset::open(&folder).map(Some);
        }
    }
    Ok(None)
}

/// The stored data set; none when there is no sound one.
fn open(folder: &Path) -> Result<Option<Dataset>> {
    if !folder.join(MANIFEST).exists() {
        return Ok(None);
    }
    match Dataset::open(folder) {
        Ok(data) => Ok(Some(data)),
        Err(error @ Error::Damaged { .. }) => {
            tracing::warn!("{error}; importing it again");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Removes what imports that were killed left in the cache; one that runs is not a day old.
fn remove_leftovers(cache: &Path) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let is_old = |path: &Path| {
        let changed = path.metadata().and_then(|about| about.modified());
        changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > DAY))
    };
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let temporary = TEMPORARY
            .iter()
            .any(|p| name.to_string_lossy().starts_with(p));
        if temporary && is_old(&path) {
            match std::fs::remove_dir_all(&path) {
                Ok(()) => {
                    tracing::debug!("removed {}, left by a run that was killed", path.display())
                }
                Err(error) => tracing::debug!("{}: {error}", path.display()),
            }
        }
    }
}

/// Names the description and the contents of the sources, wherever they lie.
fn key(spec: &ImportSpec, sources: &Sources, stamps: &Stamps) -> Result<Fingerprint> {
    let plain = ImportSpec {
        path: None,
        interactions: Vec::new(),
        items: Vec::new(),
        obtain: String::new(),
        format: sources.format,
        ..spec.clone()
    };
    let value =
        serde_json::to_value(&plain).map_err(|e| Error::setting(&spec.name, e.to_string()))?;
    let mut key = Builder::new("import")
        .text("layout", &VERSION.to_string())
        .json("description", &value);
    for (role, files) in [
        ("interactions", &sources.interactions),
        ("items", &sources.items),
    ] {
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            key = key
                .text(role, &name)
                .part("content", &stamps.content(file)?);
        }
    }
    Ok(key.finish())
}

/// Remembers the fingerprint of a file's content under its path, size and time of change, so that large files are read
/// once.
struct Stamps(PathBuf);

#[derive(Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    changed: Duration,
    content: Fingerprint,
}

impl Stamps {
    fn in_folder(cache: &Path) -> Self {
        Self(cache.join(".stamps"))
    }

    fn content(&self, file: &Path) -> Result<Fingerprint> {
        interrupt::check()?;
        let about = std::fs::metadata(file).map_err(Error::io(file))?;
        let changed = about
            .modified()
            .ok()
            .and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok());
        let whole = std::path::absolute(file).map_err(Error::io(file))?;
        let name = Builder::new("source file")
            .text("path", &whole.to_string_lossy())
            .finish();
        let stamp = self.0.join(name.short());
        let known = std::fs::read(&stamp)
            .ok()
            .and_then(|b| serde_json::from_slice::<Stamp>(&b).ok());
        if let Some(known) = known.filter(|k| k.bytes == about.len() && Some(k.changed) == changed)
        {
            return Ok(known.content);
        }
        let content = Fingerprint::of_file(file)?;
        // A file that changed just now may change again without another time, so it is not remembered.
        let settled = changed.filter(|c| {
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            now.saturating_sub(*c) > Duration::from_secs(2)
        });
        if let Some(changed) = settled {
            let stamp_of = Stamp {
                bytes: about.len(),
                changed,
                content: content.clone(),
            };
            // Without the stamp the file is read again next time, so a cache that cannot be written still serves.
            if let Err(error) = files::replace(&stamp, |new| write_json(&stamp_of, new)) {
                tracing::debug!("{error}");
            }
        }
        Ok(content)
    }
}

/// A name as a part of a path.
fn safe(name: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(plain).take(60).collect();
    name.trim_start_matches('.').to_owned()
}
