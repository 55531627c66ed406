//! What an artefact holds, and its form on disk.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;

const TENSORS: &str = "tensors.safetensors";
const MANIFEST: &str = "artefact.json";

/// Named tensors, and a JSON value for the rest.
#[derive(Debug, Default)]
pub struct Content {
    /// Named tensors.
    pub tensors: Vec<(String, Tensor)>,
    /// The rest.
    pub json: Value,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    version: u32,
    sort: String,
    fingerprint: Fingerprint,
    /// What went in, for people.
    inputs: Value,
    /// SHA-256 of the tensors' file; none when there are no tensors.
    tensors: Option<Fingerprint>,
    /// SHA-256 over `content`.
    check: Fingerprint,
    content: Value,
}

impl Content {
    /// The tensor of that name.
    ///
    /// # Errors
    /// [`Error::Shape`] when the artefact has none.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        self.tensors
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, t)| t)
            .ok_or_else(|| Error::Shape {
                what: "artefact".to_owned(),
                expected: format!("a tensor `{name}`"),
                found: self
                    .tensors
                    .iter()
                    .map(|(n, _)| n.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// Writes the artefact's files into an existing folder.
    pub(super) fn write(
        &self,
        folder: &Path,
        sort: &str,
        fingerprint: &Fingerprint,
        inputs: &Value,
    ) -> Result<()> {
        let path = folder.join(TENSORS);
        let tensors = match self.tensors.as_slice() {
            [] => None,
            tensors => {
                write_tensors(tensors, &path)?;
                Some(Fingerprint::of_file(&path)?)
            }
        };
        let manifest = Manifest {
            version: 1,
            sort: sort.to_owned(),
            fingerprint: fingerprint.clone(),
            inputs: inputs.clone(),
            tensors,
            check: check(&self.json),
            content: self.json.clone(),
        };
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| Error::damaged(folder, e.to_string()))?;
        let path = folder.join(MANIFEST);
        std::fs::write(&path, text).map_err(Error::io(&path))
    }

    /// Reads and checks an artefact's files.
    pub(super) fn read(folder: &Path, fingerprint: &Fingerprint) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|e| Error::damaged(&path, e.to_string()))?;
        if manifest.fingerprint != *fingerprint {
            return Err(Error::damaged(&path, "it belongs to another fingerprint"));
        }
        if manifest.check != check(&manifest.content) {
            return Err(Error::damaged(&path, "its content was changed"));
        }
        let path = folder.join(TENSORS);
        let tensors = match manifest.tensors {
            None => Vec::new(),
            Some(expected) if Fingerprint::of_file(&path)? != expected => {
                return Err(Error::damaged(&path, "its bytes were changed"));
            }
            Some(_) => Tensor::read_safetensors(&path)?,
        };
        Ok(Self {
            tensors,
            json: manifest.content,
        })
    }
}

fn write_tensors(tensors: &[(String, Tensor)], path: &Path) -> Result<()> {
    let on_cpu: Vec<(&str, Tensor)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let flat = tensor
                .f_detach()?
                .f_to_device(tch::Device::Cpu)?
                .f_contiguous()?;
            Ok((name.as_str(), flat))
        })
        .collect::<Result<_>>()?;
    Ok(Tensor::write_safetensors(&on_cpu, path)?)
}

fn check(content: &Value) -> Fingerprint {
    crate::fingerprint::Builder::new("content")
        .json("content", content)
        .finish()
}
