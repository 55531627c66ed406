//! Checkpoints, and models in files.
//!
//! A checkpoint is a safetensors file and, written after it, a JSON file with the first one's SHA-256: each appears by
//! a rename, so a checkpoint without its JSON does not count, and a damaged one is noticed. The last two are kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use crate::artefact::Content;
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};

const KEPT: usize = 2;
const VERSION: u32 = 1;

/// The checkpoints of one run, in a folder that other runs may share.
pub(super) struct Checkpoints {
    folder: PathBuf,
    run: Fingerprint,
}

/// What stands in a checkpoint's JSON file.
#[derive(Serialize, Deserialize)]
struct Manifest {
    version: u32,
    /// Settings, data and model of the run.
    run: Fingerprint,
    /// SHA-256 of the tensors' file.
    tensors: Fingerprint,
    /// Over `progress`.
    check: Fingerprint,
    progress: Value,
}

impl Checkpoints {
    /// Checkpoints of the run with this fingerprint.
    pub fn new(folder: &Path, run: Fingerprint) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        Ok(Self {
            folder: folder.to_path_buf(),
            run,
        })
    }

    /// Writes the checkpoint of a step, and removes all but the last ones.
    pub fn write(&self, step: u64, content: &Content) -> Result<()> {
        let json = self.path(step);
        let tensors = json.with_extension("safetensors");
        write_tensors(&tensors, &content.tensors)?;
        let manifest = Manifest {
            version: VERSION,
            run: self.run.clone(),
            tensors: Fingerprint::of_file(&tensors)?,
            check: check(&content.json),
            progress: content.json.clone(),
        };
        write_json(&json, &serde_json::to_value(manifest).unwrap_or_default())?;
        for old in self.found()?.iter().rev().skip(KEPT) {
            let _ = std::fs::remove_file(old);
            let _ = std::fs::remove_file(old.with_extension("safetensors"));
        }
        Ok(())
    }

    /// The latest checkpoint that can be used. Damaged ones are named in the log and passed over.
    pub fn latest(&self) -> Result<Option<Content>> {
        for path in self.found()?.iter().rev() {
            match self.read(path) {
                Ok(content) => return Ok(Some(content)),
                Err(error) => tracing::warn!(
                    "a checkpoint cannot be used, the one before it is taken, or training starts anew: {error}"
                ),
            }
        }
        Ok(None)
    }

    fn path(&self, step: u64) -> PathBuf {
        let run = self.run.short();
        self.folder.join(format!("{run}-{step:012}.json"))
    }

    /// This run's checkpoints, oldest first.
    fn found(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(Error::io(&self.folder))? {
            let path = entry.map_err(Error::io(&self.folder))?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            if name.starts_with(self.run.short()) && name.ends_with(".json") {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    fn read(&self, path: &Path) -> Result<Content> {
        let manifest: Manifest = read_json(path)?;
        if manifest.version != VERSION || manifest.run != self.run {
            return Err(Error::damaged(path, "it belongs to another run"));
        }
        if manifest.check != check(&manifest.progress) {
            return Err(Error::damaged(path, "its content was changed"));
        }
        let tensors = path.with_extension("safetensors");
        if Fingerprint::of_file(&tensors)? != manifest.tensors {
            return Err(Error::damaged(&tensors, "its bytes were changed"));
        }
        Ok(Content {
            tensors: Tensor::read_safetensors(&tensors)?,
            json: manifest.progress,
        })
    }
}

fn check(progress: &Value) -> Fingerprint {
    Builder::new("progress").json("progress", progress).finish()
}

/// Writes `model.safetensors` and `model.json`.
pub(super) fn write_model(folder: &Path, content: &Content) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    write_tensors(&folder.join("model.safetensors"), &content.tensors)?;
    write_json(&folder.join("model.json"), &content.json)
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

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::damaged(path, e.to_string()))
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| Error::damaged(path, e.to_string()))?;
    replace(path, |new| {
        std::fs::write(new, text).map_err(Error::io(new))
    })
}

fn write_tensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let on_cpu = tensors
        .iter()
        .map(|(name, tensor)| {
            let tensor = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?;
            Ok((name.as_str(), tensor.f_contiguous()?))
        })
        .collect::<Result<Vec<_>>>()?;
    replace(path, |new| Ok(Tensor::write_safetensors(&on_cpu, new)?))
}

/// Writes a file beside its place and moves it there.
fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let new = tempfile::NamedTempFile::new_in(folder)
        .map_err(Error::io(folder))?
        .into_temp_path();
    write(&new)?;
    std::fs::File::open(&new)
        .and_then(|f| f.sync_all())
        .map_err(Error::io(&new))?;
    new.persist(path).map_err(|e| Error::io(path)(e.error))
}
