//! What an artefact holds, and its form on disk.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::Tensor;

use crate::error::{Error, Result};
use crate::files;
use crate::fingerprint::Fingerprint;

const VERSION: u32 = 1;
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

    /// The same as it will be when it is read back: tensors by name, each a piece of its own on the CPU, outside of any
    /// graph.
    pub(super) fn settled(self) -> Result<Self> {
        let settle = |(name, tensor): (String, Tensor)| Ok((name, settled(&tensor)?));
        let mut tensors: Vec<_> = self
            .tensors
            .into_iter()
            .map(settle)
            .collect::<Result<_>>()?;
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self { tensors, ..self })
    }

    /// Publishes it as a folder of that sort and fingerprint; `inputs` is for people.
    pub(crate) fn publish(
        &self,
        folder: &Path,
        sort: &str,
        fingerprint: &Fingerprint,
        inputs: &Value,
    ) -> Result<()> {
        files::publish(folder, |new| {
            let path = new.join(TENSORS);
            let tensors = match self.tensors.as_slice() {
                [] => None,
                tensors => {
                    write_tensors(tensors, &path)?;
                    Some(Fingerprint::of_file(&path)?)
                }
            };
            let manifest = Manifest {
                version: VERSION,
                sort: sort.to_owned(),
                fingerprint: fingerprint.clone(),
                inputs: inputs.clone(),
                tensors,
                check: check(&self.json),
                content: self.json.clone(),
            };
            write_json(&manifest, &new.join(MANIFEST))
        })
    }

    /// Reads and checks what [`Content::publish`] wrote.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a file is missing, cut, changed or another's; all else is no damage and says so.
    pub(crate) fn read(folder: &Path, fingerprint: &Fingerprint) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let manifest: Manifest = read_json(&path).map_err(missing_is_damage)?;
        let reason = if manifest.version != VERSION {
            "it has the layout of another version"
        } else if manifest.fingerprint != *fingerprint {
            "it belongs to another fingerprint"
        } else if manifest.check != check(&manifest.content) {
            "its content was changed"
        } else {
            ""
        };
        if !reason.is_empty() {
            return Err(Error::damaged(&path, reason));
        }
        let mut tensors = match manifest.tensors {
            None => Vec::new(),
            Some(expected) => {
                let path = folder.join(TENSORS);
                let found = Fingerprint::of_file(&path).map_err(missing_is_damage)?;
                if found != expected {
                    return Err(Error::damaged(&path, "its bytes were changed"));
                }
                Tensor::read_safetensors(&path)?
            }
        };
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self {
            tensors,
            json: manifest.content,
        })
    }
}

/// A file that others say is there is no mere failure to read.
pub(crate) fn missing_is_damage(error: Error) -> Error {
    match error {
        Error::Io { path, source } if source.kind() == ErrorKind::NotFound => {
            Error::damaged(path, "it is missing")
        }
        other => other,
    }
}

fn settled(tensor: &Tensor) -> Result<Tensor> {
    let tensor = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?;
    Ok(tensor.f_contiguous()?)
}

/// Writes tensors as they will be read, into a file that [`files`] moves to its place.
pub(crate) fn write_tensors(tensors: &[(String, Tensor)], path: &Path) -> Result<()> {
    let settle = |(name, tensor): &(String, Tensor)| Ok((name.clone(), settled(tensor)?));
    let tensors: Vec<_> = tensors.iter().map(settle).collect::<Result<_>>()?;
    Ok(Tensor::write_safetensors(&tensors, path)?)
}

/// Writes JSON for people and programs, into a file that [`files`] moves to its place.
pub(crate) fn write_json(value: &impl Serialize, path: &Path) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| Error::damaged(path, e.to_string()))?;
    std::fs::write(path, text).map_err(Error::io(path))
}

/// Reads what [`write_json`] wrote.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::damaged(path, e.to_string()))
}

fn check(content: &Value) -> Fingerprint {
    crate::fingerprint::Builder::new("content")
        .json("content", content)
        .finish()
}
