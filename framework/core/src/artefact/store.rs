//! The store: finds artefacts by fingerprint, and makes those that are missing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Content, lock};
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;

/// A folder of artefacts.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
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
    /// [`Error::Io`] when it cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        std::fs::create_dir_all(&root).map_err(Error::io(&root))?;
        Ok(Self { root })
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Loads the artefact, or makes it. `make` gets a folder that survives interruptions, for checkpoints; it goes away
    /// once the artefact is complete. A damaged artefact is set aside and made again.
    ///
    /// # Errors
    /// What `make` reports, or [`Error::Io`].
    pub fn load_or_make(
        &self,
        stage: &Stage<'_>,
        make: impl FnOnce(&Path) -> Result<Content>,
    ) -> Result<(Content, Origin)> {
        let home = self.root.join(stage.sort);
        std::fs::create_dir_all(&home).map_err(Error::io(&home))?;
        let name = stage.fingerprint.short();
        let finished = home.join(name);
        if let Some(content) = Self::load(&finished, stage.fingerprint)? {
            return Ok((content, Origin::Loaded));
        }
        let _lock = lock::take(&home.join(format!("{name}.lock")), stage.sort)?;
        if let Some(content) = Self::load(&finished, stage.fingerprint)? {
            return Ok((content, Origin::Loaded));
        }
        let work = home.join(format!("{name}.work"));
        std::fs::create_dir_all(&work).map_err(Error::io(&work))?;
        let content = make(&work)?;
        let fresh = tempfile::Builder::new()
            .prefix(&format!("{name}.new-"))
            .tempdir_in(&home)
            .map_err(Error::io(&home))?;
        content.write(fresh.path(), stage.sort, stage.fingerprint, &stage.inputs)?;
        let fresh = fresh.keep();
        std::fs::rename(&fresh, &finished).map_err(Error::io(&finished))?;
        std::fs::remove_dir_all(&work).map_err(Error::io(&work))?;
        Ok((content, Origin::Made))
    }

    /// Whether the artefact is there; it is not read.
    pub fn has(&self, sort: &str, fingerprint: &Fingerprint) -> bool {
        self.root.join(sort).join(fingerprint.short()).exists()
    }

    fn load(finished: &Path, fingerprint: &Fingerprint) -> Result<Option<Content>> {
        if !finished.exists() {
            return Ok(None);
        }
        match Content::read(finished, fingerprint) {
            Ok(content) => Ok(Some(content)),
            Err(reason) => {
                let aside = tempfile::Builder::new()
                    .prefix(&format!("{}.damaged-", fingerprint.short()))
                    .tempdir_in(finished.parent().unwrap_or(finished))
                    .map_err(Error::io(finished))?
                    .keep();
                std::fs::rename(finished, &aside).map_err(Error::io(finished))?;
                tracing::warn!("{reason}; set aside as {} and made again", aside.display());
                Ok(None)
            }
        }
    }
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
