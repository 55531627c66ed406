//! The store: finds artefacts by fingerprint, and makes those that are missing.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::{Content, lock};
use crate::error::{Error, Result};
use crate::files;
use crate::fingerprint::Fingerprint;

/// The folder of imported data sets.
pub(crate) const DATASETS: &str = "datasets";
/// The folder of checkpoints that trainings of any length share.
pub(crate) const TRAINING: &str = "training";
/// Shared by all who use the store, so that nobody collects from it meanwhile.
pub(super) const LOCK: &str = ".lock";
/// The folders of runs that used the store, a file each.
const USED_BY: &str = ".runs";

/// A folder of artefacts. While it is open, nothing is collected from it.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    _lock: Option<Arc<lock::Lock>>,
}

/// Names one stage's result.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    /// The sort of artefact, such as `base` or `guided`: lowercase letters and `_`.
    pub sort: &'a str,
    /// Fingerprint of all inputs, settings and versions.
    pub fingerprint: &'a Fingerprint,
    /// The same for people; stored beside the content.
    pub inputs: Value,
}

/// Where a content came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was in the store.
    Loaded,
    /// It was made just now.
    Made,
}

impl Store {
    /// Opens the store at `root`, making the folder if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be made; [`Error::Interrupted`] while it waits for who collects from it.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(Error::io(&root))?;
        let waits = "the store is being collected from; waiting";
        let lock = lock::share(&root.join(LOCK), waits)?;
        Ok(Self {
            root,
            _lock: lock.map(Arc::new),
        })
    }

    /// The data sets' folder.
    pub fn datasets(&self) -> PathBuf {
        self.root.join(DATASETS)
    }

    /// Remembers that runs in the folder `runs` refer to what is in this store.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be noted.
    pub fn used_by(&self, runs: &Path) -> Result<()> {
        let whole = std::path::absolute(runs).map_err(Error::io(runs))?;
        let bytes = whole.as_os_str().as_encoded_bytes();
        let name = Fingerprint::of_bytes(bytes);
        let note = self.root.join(USED_BY).join(name.short());
        match note.exists() {
            true => Ok(()),
            false => files::replace(&note, |new| {
                std::fs::write(new, bytes).map_err(Error::io(new))
            }),
        }
    }

    /// The folders whose runs refer to what is in the store at `root`.
    pub fn users(root: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(root.join(USED_BY));
        let notes = entries.into_iter().flatten().flatten();
        let bytes = notes.filter_map(|note| std::fs::read(note.path()).ok());
        let mut users: Vec<OsString> = bytes.map(OsString::from_vec).collect();
        users.sort();
        users.into_iter().map(PathBuf::from).collect()
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Loads the artefact, or makes it. `make` gets a folder that survives interruptions, for checkpoints; it goes away
    /// once the artefact is complete. A damaged artefact is set aside and made again. What is returned is the same
    /// whether it was made or loaded: tensors by name, on the CPU, outside of any graph.
    ///
    /// # Errors
    /// What `make` reports, or why an artefact that is there cannot be read, such as [`Error::Io`].
    pub fn load_or_make(
        &self,
        stage: &Stage<'_>,
        make: impl FnOnce(&Path) -> Result<Content>,
    ) -> Result<(Content, Origin)> {
        let home = self.root.join(stage.sort);
        std::fs::create_dir_all(&home).map_err(Error::io(&home))?;
        let name = stage.fingerprint.short();
        let finished = home.join(name);
        if let Found::Sound(content) = look(&finished, stage.fingerprint)? {
            return Ok((content, Origin::Loaded));
        }
        // What seemed damaged may have been in another's hands, so only the look under the lock counts.
        let _lock = lock::take(&home.join(format!("{name}.lock")), stage.sort)?;
        match look(&finished, stage.fingerprint)? {
            Found::Sound(content) => return Ok((content, Origin::Loaded)),
            Found::Damaged(reason) => set_aside(&finished, &reason)?,
            Found::Nothing => {}
        }
        let work = home.join(format!("{name}.work"));
        std::fs::create_dir_all(&work).map_err(Error::io(&work))?;
        let content = make(&work)?.settled()?;
        content.publish(&finished, stage.sort, stage.fingerprint, &stage.inputs)?;
        std::fs::remove_dir_all(&work).map_err(Error::io(&work))?;
        Ok((content, Origin::Made))
    }

    /// Loads the artefact where it is there.
    ///
    /// # Errors
    /// Why one that is there cannot be read, such as [`Error::Damaged`].
    pub fn load(&self, sort: &str, fingerprint: &Fingerprint) -> Result<Option<Content>> {
        match look(&self.root.join(sort).join(fingerprint.short()), fingerprint)? {
            Found::Sound(content) => Ok(Some(content)),
            Found::Damaged(reason) => Err(reason),
            Found::Nothing => Ok(None),
        }
    }

    /// Whether the artefact is there; it is not read.
    pub fn has(&self, sort: &str, fingerprint: &Fingerprint) -> bool {
        self.root.join(sort).join(fingerprint.short()).exists()
    }
}

enum Found {
    Sound(Content),
    Damaged(Error),
    Nothing,
}

/// What stands in an artefact's place. That it cannot be read, for lack of memory or permission, is no damage.
fn look(finished: &Path, fingerprint: &Fingerprint) -> Result<Found> {
    if !finished.try_exists().map_err(Error::io(finished))? {
        return Ok(Found::Nothing);
    }
    match Content::read(finished, fingerprint) {
        Ok(content) => Ok(Found::Sound(content)),
        Err(reason @ Error::Damaged { .. }) => Ok(Found::Damaged(reason)),
        Err(other) => Err(other),
    }
}

/// Moves a damaged artefact out of the way; the caller holds its lock.
fn set_aside(finished: &Path, reason: &Error) -> Result<()> {
    let mut aside = finished.with_extension("damaged");
    for number in 2.. {
        if !aside.exists() {
            break;
        }
        aside.set_extension(format!("damaged-{number}"));
    }
    std::fs::rename(finished, &aside).map_err(Error::io(finished))?;
    tracing::warn!("{reason}; set aside as {} and made again", aside.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tch::Tensor;

    use super::*;
    use crate::fingerprint::Builder;

    fn made(value: f32) -> Content {
        let tensors = vec![("x".to_owned(), Tensor::from_slice(&[value, 2.0]))];
        Content {
            tensors,
            json: json!({"value": value}),
        }
    }

    fn stage(fingerprint: &Fingerprint) -> Stage<'_> {
        Stage {
            sort: "base",
            fingerprint,
            inputs: json!({}),
        }
    }

    #[test]
    fn it_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let f = Builder::new("t").finish();
        let (_, origin) = store.load_or_make(&stage(&f), |_| Ok(made(1.5))).unwrap();
        assert_eq!(origin, Origin::Made);
        let (again, origin) = store
            .load_or_make(&stage(&f), |_| panic!("made twice"))
            .unwrap();
        assert_eq!(origin, Origin::Loaded);
        assert_eq!(
            Vec::<f32>::try_from(again.tensor("x").unwrap()).unwrap(),
            [1.5, 2.0]
        );
        assert_eq!(again.json["value"], 1.5);
    }

    #[test]
    fn a_damaged_one_is_noticed_and_made_again() {
        for file in ["tensors.safetensors", "artefact.json"] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let f = Builder::new("t").finish();
            store.load_or_make(&stage(&f), |_| Ok(made(1.0))).unwrap();
            let path = folder.path().join("base").join(f.short()).join(file);
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() - 5;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let (content, origin) = store.load_or_make(&stage(&f), |_| Ok(made(3.0))).unwrap();
            assert_eq!(origin, Origin::Made, "{file}");
            assert_eq!(content.json["value"], 3.0);
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_missing_file_is_damage() {
        for file in ["tensors.safetensors", "artefact.json"] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let f = Builder::new("t").finish();
            for damaged in 0..3 {
                let (_, origin) = store.load_or_make(&stage(&f), |_| Ok(made(1.0))).unwrap();
                assert_eq!(origin, Origin::Made, "{file}");
                let home = folder.path().join("base");
                let aside = names(&home)
                    .iter()
                    .filter(|n| n.contains("damaged"))
                    .count();
                assert_eq!(aside, damaged);
                std::fs::remove_file(home.join(f.short()).join(file)).unwrap();
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_stays() {
        for file in ["tensors.safetensors", "artefact.json"] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let f = Builder::new("t").finish();
            store.load_or_make(&stage(&f), |_| Ok(made(1.0))).unwrap();
            let home = folder.path().join("base");
            let path = home.join(f.short()).join(file);
            let kept = path.with_extension("kept");
            std::fs::rename(&path, &kept).unwrap();
            // A link to itself cannot be opened, not even by root.
            std::os::unix::fs::symlink(file, &path).unwrap();
            let before = names(&home);
            let error = store
                .load_or_make(&stage(&f), |_| panic!("made again"))
                .unwrap_err();
            assert_eq!(error.code(), "io", "{error}");
            assert_eq!(names(&home), before);
            std::fs::rename(&kept, &path).unwrap();
            let (_, origin) = store
                .load_or_make(&stage(&f), |_| panic!("made again"))
                .unwrap();
            assert_eq!(origin, Origin::Loaded);
        }
    }

    #[test]
    fn damage_that_many_find_at_once_is_mended_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let f = Builder::new("t").finish();
        store.load_or_make(&stage(&f), |_| Ok(made(1.0))).unwrap();
        let home = folder.path().join("base");
        std::fs::write(home.join(f.short()).join("artefact.json"), "{").unwrap();
        let barrier = std::sync::Barrier::new(4);
        let makers = std::thread::scope(|scope| {
            let find = || {
                barrier.wait();
                let make = |_: &Path| {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                    Ok(made(3.0))
                };
                let (content, origin) = store.load_or_make(&stage(&f), make).unwrap();
                assert_eq!(content.json["value"], 3.0);
                origin == Origin::Made
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(find)).collect();
            let made = threads.into_iter().map(|t| t.join().unwrap());
            made.filter(|made| *made).count()
        });
        assert_eq!(makers, 1);
        let aside = names(&home)
            .iter()
            .filter(|n| n.contains("damaged"))
            .count();
        assert_eq!(aside, 1);
    }

    #[test]
    fn what_is_made_is_what_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let f = Builder::new("t").finish();
        let make = |_: &Path| {
            let leaf = Tensor::arange(6, tch::kind::FLOAT_CPU).set_requires_grad(true);
            let odd = (leaf.view([2, 3]) * 2.0).transpose(0, 1);
            let tensors = vec![("z".to_owned(), odd), ("a".to_owned(), leaf)];
            let json = json!({"value": 0.1});
            Ok(Content { tensors, json })
        };
        let (made, _) = store.load_or_make(&stage(&f), make).unwrap();
        let (loaded, origin) = store.load_or_make(&stage(&f), make).unwrap();
        assert_eq!(origin, Origin::Loaded);
        assert_eq!(made.tensors.len(), loaded.tensors.len());
        for ((name, a), (other, b)) in made.tensors.iter().zip(&loaded.tensors) {
            assert_eq!(name, other);
            assert!(a.equal(b) && a.is_contiguous() && !a.requires_grad());
            assert_eq!((a.kind(), a.device()), (b.kind(), b.device()));
        }
        assert_eq!(made.json, loaded.json);
    }

    #[test]
    fn a_failed_stage_keeps_its_work_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let f = Builder::new("t").finish();
        let failed = store.load_or_make(&stage(&f), |work| {
            std::fs::write(work.join("checkpoint"), "1").unwrap();
            Err(Error::Interrupted)
        });
        assert!(failed.unwrap_err().is_interrupt());
        let resumed = store.load_or_make(&stage(&f), |work| {
            assert_eq!(
                std::fs::read_to_string(work.join("checkpoint")).unwrap(),
                "1"
            );
            Ok(made(1.0))
        });
        assert_eq!(resumed.unwrap().1, Origin::Made);
    }

    #[test]
    fn two_at_once_make_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let f = Builder::new("t").finish();
        let count = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    store
                        .load_or_make(&stage(&f), |_| {
                            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            std::thread::sleep(std::time::Duration::from_millis(50));
                            Ok(made(1.0))
                        })
                        .unwrap();
                });
            }
        });
        assert_eq!(count.into_inner(), 1);
    }
}
