//! Reads Hugging Face model folders: `config.json`, safetensors in one file or several, tokenizer files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata};
use serde_json::Value as Json;

use lapidary_sdk::prelude::*;

const MAX_HEADER: u64 = 100_000_000;

/// An open model folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    shards: Vec<Shard>,
}

/// One safetensors file.
#[derive(Debug)]
struct Shard {
    path: PathBuf,
    metadata: Metadata,
    start: u64,
}

impl Folder {
    /// Reads the headers of the weight files; the numbers stay in the files.
    ///
    /// # Errors
    /// When a file is missing, damaged, or the files contradict each other.
    pub fn open(path: &Path) -> Result<Self> {
        let shards = shard_files(path)?
            .iter()
            .map(|p| Shard::open(p))
            .collect::<Result<Vec<_>>>()?;
        let folder = Self {
            path: path.to_owned(),
            shards,
        };
        let names: usize = folder
            .shards
            .iter()
            .map(|s| s.metadata.offset_keys().len())
            .sum();
        if folder.shapes().len() != names {
            return Err(Error::invalid(format!(
                "{}: a tensor stands in two of the weight files",
                path.display()
            )));
        }
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The weight files, sorted by name.
    pub fn weight_files(&self) -> impl Iterator<Item = &Path> {
        self.shards.iter().map(|s| s.path.as_path())
    }

    /// A JSON file of the folder, or nothing where there is no such file.
    ///
    /// # Errors
    /// When it cannot be read or is no JSON.
    pub fn json(&self, name: &str) -> Result<Option<Json>> {
        read_json(&self.path.join(name))
    }

    /// Names and shapes of all tensors.
    pub fn shapes(&self) -> BTreeMap<String, Vec<i64>> {
        let all = self.shards.iter().flat_map(|s| s.metadata.tensors());
        all.map(|(name, info)| (name, info.shape.iter().map(|&n| n as i64).collect()))
            .collect()
    }

    /// Reads a tensor as f32.
    ///
    /// # Errors
    /// When there is none of that name, or the file cannot be read.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let shard = self.shards.iter().find(|s| s.metadata.info(name).is_some());
        match shard {
            Some(shard) => shard.tensor(name),
            None => Err(Error::invalid(format!(
                "{}: there is no tensor `{name}` in the weight files",
                self.path.display()
            ))),
        }
    }
}

impl Shard {
    fn open(path: &Path) -> Result<Self> {
        let fault = |reason: String| Error::invalid(format!("{}: {reason}", path.display()));
        let mut file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        let mut size = [0; 8];
        file.read_exact(&mut size).map_err(Error::io(path))?;
        let size = u64::from_le_bytes(size);
        let start = size.saturating_add(8);
        if size > MAX_HEADER || start > length {
            return Err(fault(format!(
                "not a safetensors file, or cut short: a header of {size} bytes in a file of {length}"
            )));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(Error::io(path))?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|e| fault(format!("unusable safetensors header: {e}")))?;
        let last = metadata
            .tensors()
            .values()
            .map(|t| t.data_offsets.1 as u64)
            .max();
        match start.checked_add(last.unwrap_or(0)) {
            Some(end) if end <= length => Ok(Self {
                path: path.to_owned(),
                metadata,
                start,
            }),
            _ => Err(fault(format!("cut short: it ends at byte {length}"))),
        }
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let fault = |reason: String| {
            Error::invalid(format!(
                "{}: tensor `{name}`: {reason}",
                self.path.display()
            ))
        };
        let info = self
            .metadata
            .info(name)
            .ok_or_else(|| fault("missing".to_owned()))?;
        let kind = match info.dtype {
            Dtype::F32 => DType::Float,
            Dtype::F16 => DType::Half,
            Dtype::BF16 => DType::BFloat16,
            other => {
                return Err(fault(format!(
                    "type {other:?}; F32, F16 and BF16 can be read"
                )));
            }
        };
        let (begin, end) = info.data_offsets;
        let mut file = File::open(&self.path).map_err(Error::io(&self.path))?;
        let place = SeekFrom::Start(self.start.saturating_add(begin as u64));
        file.seek(place).map_err(Error::io(&self.path))?;
        let mut bytes = vec![0; end.saturating_sub(begin)];
        file.read_exact(&mut bytes).map_err(Error::io(&self.path))?;
        let shape: Vec<i64> = info.shape.iter().map(|&n| n as i64).collect();
        Ok(Tensor::f_from_data_size(&bytes, &shape, kind)?.f_to_kind(DType::Float)?)
    }
}

/// The weight files that the folder's index names, or its single one.
fn shard_files(path: &Path) -> Result<Vec<PathBuf>> {
    let single = path.join("model.safetensors");
    let index_path = path.join("model.safetensors.index.json");
    let Some(index) = read_json(&index_path)? else {
        if single.is_file() {
            return Ok(vec![single]);
        }
        return Err(Error::invalid(format!(
            "{}: there is neither `model.safetensors` nor `model.safetensors.index.json`; weights are read from \
             safetensors alone",
            path.display()
        )));
    };
    let fault = |reason: String| Error::invalid(format!("{}: {reason}", index_path.display()));
    let map = index["weight_map"]
        .as_object()
        .ok_or_else(|| fault("`weight_map` is missing".to_owned()))?;
    let mut names: Vec<&str> = map.values().filter_map(Json::as_str).collect();
    names.sort_unstable();
    names.dedup();
    if let Some(name) = names
        .iter()
        .find(|n| Path::new(n).file_name() != Some(n.as_ref()))
    {
        return Err(fault(format!(
            "`{name}` is not the name of a file in the same folder"
        )));
    }
    Ok(names.into_iter().map(|n| path.join(n)).collect())
}

/// A JSON file, or nothing where there is no such file.
fn read_json(path: &Path) -> Result<Option<Json>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(Error::json(path.display().to_string())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(path)(e)),
    }
}
