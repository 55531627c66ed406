//! Checkpoints, and models in files.
//!
//! A checkpoint is a folder, written and checked as artefacts are. The last two are kept.

use std::path::{Path, PathBuf};

use tch::Tensor;

use crate::artefact::{Content, read_json, write_json, write_tensors};
use crate::error::{Error, Result};
use crate::files;
use crate::fingerprint::Fingerprint;

const KEPT: usize = 2;

/// The checkpoints of one run, in a folder that other runs may share.
pub(crate) struct Checkpoints {
    folder: PathBuf,
    run: Fingerprint,
}

impl Checkpoints {
    /// Checkpoints of the run with this fingerprint: of its settings, data and model.
    pub fn new(folder: &Path, run: Fingerprint) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            run,
        })
    }

    /// Writes the checkpoint of a step, and removes all but the last ones.
    pub fn write(&self, step: u64, content: &Content) -> Result<()> {
        let path = self.folder.join(format!("{}-{step:012}", self.run.short()));
        if path.exists() {
            // A run comes to a step twice when it went on from there or from before it: a sound one is the same.
            if Content::read(&path, &self.run).is_ok() {
                return Ok(());
            }
            std::fs::remove_dir_all(&path).map_err(Error::io(&path))?;
        }
        content.publish(&path, "checkpoint", &self.run, &step.into())?;
        for old in self.found()?.iter().rev().skip(KEPT) {
            let _ = std::fs::remove_dir_all(old);
        }
        Ok(())
    }

    /// The latest checkpoint that can be used. Damaged ones are named in the log and passed over.
    ///
    /// # Errors
    /// When one that is not damaged cannot be read.
    pub fn latest(&self) -> Result<Option<Content>> {
        for path in self.found()?.iter().rev() {
            match Content::read(path, &self.run) {
                Err(error @ Error::Damaged { .. }) => tracing::warn!(
                    "a checkpoint cannot be used, the one before it is taken, or training starts anew: {error}"
                ),
                read => return read.map(Some),
            }
        }
        Ok(None)
    }

    /// This run's checkpoints, oldest first.
    fn found(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(Error::io(&self.folder))? {
            let path = entry.map_err(Error::io(&self.folder))?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            if name.starts_with(self.run.short()) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Writes `model.safetensors` and `model.json`.
pub(super) fn write_model(folder: &Path, content: &Content) -> Result<()> {
    files::replace(&folder.join("model.safetensors"), |new| {
        write_tensors(&content.tensors, new)
    })?;
    files::replace(&folder.join("model.json"), |new| {
        write_json(&content.json, new)
    })
}

/// Reads what [`write_model`] wrote.
pub(super) fn read_model(folder: &Path) -> Result<Content> {
    let path = folder.join("model.safetensors");
    if !path.is_file() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(Error::io(&path)(missing));
    }
    Ok(Content {
        tensors: Tensor::read_safetensors(&path)
            .map_err(|e| Error::damaged(&path, e.to_string()))?,
        json: read_json(&folder.join("model.json"))?,
    })
}
