//! Collecting what nobody needs any more.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::store::{DATASETS, LOCK, TRAINING};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::{files, lock, progress};

/// Digits that name an artefact in the store.
const DIGITS: usize = 16;
/// The cache of language models' answers; SQLite puts more files beside it, and damaged ones are set aside there.
const ANSWERS: &str = "answers.sqlite";

/// What runs refer to.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Artefacts, whatever their sort.
    pub artefacts: HashSet<Fingerprint>,
    /// Checkpoints that trainings of any length share.
    pub checkpoints: HashSet<Fingerprint>,
    /// Data sets.
    pub datasets: HashSet<Fingerprint>,
    /// Whether all runs tell what they left unfinished; those of earlier versions do not.
    pub is_whole: bool,
}

/// What to collect besides artefacts and checkpoints.
#[derive(Clone, Copy, Debug, Default)]
pub struct Also {
    /// Imported data sets that no run refers to.
    pub datasets: bool,
    /// All answers of language models.
    pub answers: bool,
}

/// What a collected thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// A finished stage.
    Artefact,
    /// What a stage that was not finished left to go on from.
    Unfinished,
    /// Checkpoints that trainings of any length share.
    Checkpoints,
    /// Set aside as damaged, or left by a process that was killed.
    Leftover,
    /// An imported data set.
    Dataset,
    /// Answers of language models.
    Answers,
}

impl Sort {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Artefact => "artefact",
            Self::Unfinished => "unfinished",
            Self::Checkpoints => "checkpoints",
            Self::Leftover => "leftover",
            Self::Dataset => "dataset",
            Self::Answers => "answers",
        }
    }
}

/// Something in the store.
#[derive(Clone, Debug)]
pub struct Thing {
    /// What it is.
    pub sort: Sort,
    /// Where it lies, from the store's folder.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// What was found in a store.
#[derive(Debug, Default)]
pub struct Collection {
    /// What nobody needs.
    pub unwanted: Vec<Thing>,
    /// What stays.
    pub kept: Vec<Thing>,
}

/// A store that nobody else uses, to collect from.
pub struct Collector {
    root: PathBuf,
    _lock: Option<lock::Lock>,
}

impl Collector {
    /// Takes the store for itself; nothing where runs go on with it.
    ///
    /// # Errors
    /// [`Error::Io`] when the store cannot be written.
    pub fn alone(root: &Path) -> Result<Option<Self>> {
        let lock = lock::try_take(&root.join(LOCK))?;
        Ok(lock.map(|lock| Self {
            root: root.to_path_buf(),
            _lock: Some(lock),
        }))
    }

    /// To look only, while others use the store.
    pub fn to_look(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            _lock: None,
        }
    }

    /// Looks at everything in the store; other files and folders in it are left out.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder cannot be read.
    pub fn look(&self, wanted: &Wanted, also: Also) -> Result<Collection> {
        let mut found = Collection::default();
        let stage = progress::begin("looking through the store", 0);
        for path in entries(&self.root)? {
            let seen = found.unwanted.len() + found.kept.len();
            stage.update(seen as u64, &name_of(&path));
            match name_of(&path).as_str() {
                DATASETS => self.datasets(&path, wanted, also, &mut found)?,
                name if name.starts_with(ANSWERS) => {
                    self.note(Sort::Answers, &path, !also.answers, &mut found);
                }
                name if path.is_dir() && !path.is_symlink() && is_sort(name) => {
                    self.artefacts(&path, wanted, &mut found)?;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Removes things that [`Collector::look`] found.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be removed; those before it are gone.
    pub fn remove(&self, things: &[Thing]) -> Result<()> {
        let stage = progress::begin("removing", things.len() as u64);
        for (done, thing) in things.iter().enumerate() {
            stage.update(done as u64, "");
            let path = self.root.join(&thing.path);
            // Out of its place first: what is removed by half must not look like a damaged artefact.
            let gone = match path.is_dir() {
                true => path.with_file_name(format!("{}{}", files::NEW, name_of(&path))),
                false => path.clone(),
            };
            if gone != path {
                if gone.exists() {
                    files::remove(&gone)?;
                }
                std::fs::rename(&path, &gone).map_err(Error::io(&path))?;
            }
            files::remove(&gone)?;
            let own_lock = path.with_extension("lock");
            if thing.sort == Sort::Artefact && own_lock.exists() {
                files::remove(&own_lock)?;
            }
        }
        Ok(())
    }

    /// One sort's folder: finished artefacts, locks, work in progress, and what was set aside or left.
    fn artefacts(&self, home: &Path, wanted: &Wanted, found: &mut Collection) -> Result<()> {
        let is_training = name_of(home) == TRAINING;
        let among = match is_training {
            true => &wanted.checkpoints,
            false => &wanted.artefacts,
        };
        let among: HashSet<&str> = among.iter().map(Fingerprint::short).collect();
        for path in entries(home)? {
            let name = name_of(&path);
            let (digits, rest) = name.split_once('.').unwrap_or((&name, ""));
            let named = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let is_wanted = among.contains(digits);
            match rest {
                _ if name.starts_with(files::NEW) => self.note(Sort::Leftover, &path, false, found),
                _ if !named => {}
                "" if is_training => {
                    let keep = is_wanted || !wanted.is_whole;
                    self.note(Sort::Checkpoints, &path, keep, found);
                }
                "" => self.note(Sort::Artefact, &path, is_wanted, found),
                "work" => {
                    let keep = is_wanted || !wanted.is_whole;
                    self.note(Sort::Unfinished, &path, keep, found);
                }
                _ if rest.starts_with("damaged") => {
                    self.note(Sort::Leftover, &path, false, found);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn datasets(
        &self,
        home: &Path,
        wanted: &Wanted,
        also: Also,
        found: &mut Collection,
    ) -> Result<()> {
        for path in entries(home)? {
            let name = name_of(&path);
            if name.starts_with(files::NEW) {
                self.note(Sort::Leftover, &path, false, found);
            } else if let Ok(fingerprint) = Dataset::fingerprint_in(&path) {
                let keep = !also.datasets || wanted.datasets.contains(&fingerprint);
                self.note(Sort::Dataset, &path, keep, found);
            }
        }
        Ok(())
    }

    fn note(&self, sort: Sort, path: &Path, keep: bool, found: &mut Collection) {
        let thing = Thing {
            sort,
            path: path.strip_prefix(&self.root).unwrap_or(path).to_path_buf(),
            bytes: files::bytes_below(path),
        };
        match keep {
            true => found.kept.push(thing),
            false => found.unwanted.push(thing),
        }
    }
}

/// Sorts of artefacts are lowercase words.
fn is_sort(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// What a folder holds, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        paths.push(entry.map_err(Error::io(folder))?.path());
    }
    paths.sort();
    Ok(paths)
}
