//! Checkpoints, and models in files.
//!
//! A checkpoint is a folder, written and checked as artefacts are. The last two are kept.

use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use super::model::Model;
use super::settings::Settings;
use crate::artefact::{Content, read_json, write_json, write_tensors};
use crate::data::Split;
use crate::error::{Error, Result};
use crate::files;
use crate::fingerprint::{Builder, Fingerprint};

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

    /// Writes the checkpoint of a step, and removes all but the last ones up to it.
    pub fn write(&self, step: u64, content: &Content) -> Result<()> {
        let path = self.path(step);
        if path.exists() {
            // A run comes to a step twice when it went on from there or from before it: a sound one is the same.
            if Content::read(&path, &self.run).is_ok() {
                return Ok(());
            }
            std::fs::remove_dir_all(&path).map_err(Error::io(&path))?;
        }
        content.publish(&path, "checkpoint", &self.run, &step.into())?;
        for old in self.found(step)?.iter().rev().skip(KEPT) {
            let _ = std::fs::remove_dir_all(old);
        }
        Ok(())
    }

    /// The latest checkpoint up to a step that can be used. Damaged ones are named in the log and passed over.
    ///
    /// # Errors
    /// When one that is not damaged cannot be read.
    pub fn latest(&self, step: u64) -> Result<Option<Content>> {
        for path in self.found(step)?.iter().rev() {
            match Content::read(path, &self.run) {
                Err(error @ Error::Damaged { .. }) => tracing::warn!(
                    "a checkpoint cannot be used, the one before it is taken, or training starts anew: {error}"
                ),
                read => return read.map(Some),
            }
        }
        Ok(None)
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{}-{step:012}", self.run.short()))
    }

    /// This run's checkpoints up to a step, oldest first; a longer run may have left later ones.
    fn found(&self, step: u64) -> Result<Vec<PathBuf>> {
        let last = self.path(step);
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(Error::io(&self.folder))? {
            let path = entry.map_err(Error::io(&self.folder))?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            if name.starts_with(self.run.short()) && path <= last {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Names a run: its settings, without the number of epochs where that changes nothing, its data, what the model is made of,
/// the values it starts from, and what else the backbone saves, such as its settings.
pub(super) fn run_name(model: &Model, split: &Split, settings: &Settings) -> Result<Fingerprint> {
    let json = |value: serde_json::Result<serde_json::Value>| value.unwrap_or_default();
    let settings = settings.of_any_length().unwrap_or_else(|| settings.clone());
    let mut name = Builder::new("training")
        .json("settings", &json(serde_json::to_value(settings)))
        .json("model", &json(serde_json::to_value(model.description())))
        .part("split", &split.fingerprint);
    name = name.json("backbone", &model.backbone_state()?.json);
    for (tensor, value) in model.state()? {
        let flat = value
            .f_detach()?
            .f_to_device(Device::Cpu)?
            .f_reshape([-1i64])?
            .f_view_dtype(Kind::Uint8)?;
        let mut bytes = vec![0; flat.numel()];
        flat.f_copy_data_u8(&mut bytes, flat.numel())?;
        name = name.bytes(&tensor, &bytes);
    }
    Ok(name.finish())
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
