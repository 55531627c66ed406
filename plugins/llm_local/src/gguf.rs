//! Reads GGUF files: metadata and tensors in one file, as llama.cpp writes them (versions 2 and 3, little-endian).
//!
//! Nothing that the file says is believed before it is checked against the file's length, so that a cut or lying file
//! is an error and never a panic or a giant allocation.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use lapidary_sdk::prelude::*;

use crate::dequant::Format;

/// A metadata value. All integers are held as `i64`, all floating-point numbers as `f64`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Integers and booleans.
    Int(i64),
    /// Floating-point numbers.
    Float(f64),
    /// Text.
    Text(String),
    /// An array of integers or booleans.
    Ints(Vec<i64>),
    /// An array of floating-point numbers.
    Floats(Vec<f64>),
    /// An array of texts.
    Texts(Vec<String>),
}

/// Where a tensor stands in the file.
#[derive(Clone, Debug)]
pub struct TensorInfo {
    /// How its numbers are stored.
    pub format: Format,
    /// Its shape, slowest axis first, as in PyTorch.
    pub shape: Vec<i64>,
    offset: u64,
    bytes: usize,
}

/// An open GGUF file.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
    length: u64,
}

const MAX_ARRAY: u64 = 1 << 24;
const MAX_DIMENSIONS: u32 = 4;
const DEFAULT_ALIGNMENT: u64 = 32;

impl Gguf {
    /// Reads metadata and tensor list; the tensors' numbers stay in the file.
    ///
    /// # Errors
    /// When the file cannot be read, is no GGUF file, is cut short, or contradicts itself.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        let mut reader = Reader {
            source: BufReader::new(file),
            at: 0,
            length,
        };
        let (metadata, mut tensors) = read_head(&mut reader)
            .map_err(|e| Error::invalid(format!("{}: {e}", path.display())))?;
        let place = |e: String| Error::invalid(format!("{}: {e}", path.display()));
        let alignment = match metadata.get("general.alignment") {
            None => DEFAULT_ALIGNMENT,
            Some(Value::Int(n)) if *n > 0 && n % 8 == 0 => *n as u64,
            Some(other) => return Err(place(format!("general.alignment is {other:?}"))),
        };
        let start = reader.at.next_multiple_of(alignment);
        for (name, tensor) in &mut tensors {
            tensor.offset = check_place(tensor, start, alignment, length)
                .map_err(|e| place(format!("tensor `{name}`: {e}")))?;
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
            tensors,
            length,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    /// A metadata value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// An integer of the metadata, where it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn int(&self, key: &str) -> Result<Option<i64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Int(n)) => Ok(Some(*n)),
            Some(_) => Err(self.fault(format!("metadata `{key}` is no integer"))),
        }
    }

    /// A number of the metadata, where it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn float(&self, key: &str) -> Result<Option<f64>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Int(n)) => Ok(Some(*n as f64)),
            Some(Value::Float(x)) => Ok(Some(*x)),
            Some(_) => Err(self.fault(format!("metadata `{key}` is no number"))),
        }
    }

    /// A text of the metadata, where it is there.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(format!("metadata `{key}` is no text"))),
        }
    }

    /// An array of texts of the metadata.
    ///
    /// # Errors
    /// When it is missing or something else.
    pub fn texts(&self, key: &str) -> Result<&[String]> {
        match self.get(key) {
            Some(Value::Texts(texts)) => Ok(texts),
            _ => Err(self.fault(format!("metadata `{key}` is missing or no list of texts"))),
        }
    }

    /// A value that has to be there.
    ///
    /// # Errors
    /// When it is missing.
    pub fn need<T>(&self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.fault(format!("metadata `{key}` is missing")))
    }

    /// Reads a tensor and turns it into f32.
    ///
    /// # Errors
    /// When there is none of that name, or the file cannot be read.
    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let info = self
            .tensors
            .get(name)
            .ok_or_else(|| self.fault(format!("there is no tensor `{name}`")))?;
        let mut file = File::open(&self.path).map_err(Error::io(&self.path))?;
        file.seek(SeekFrom::Start(info.offset))
            .map_err(Error::io(&self.path))?;
        let mut bytes = vec![0; info.bytes];
        file.read_exact(&mut bytes).map_err(Error::io(&self.path))?;
        let numbers = info.format.dequantize(&bytes);
        Ok(Tensor::f_from_slice(&numbers)?.f_reshape(&info.shape)?)
    }

    /// An error that names the file.
    pub fn fault(&self, reason: impl std::fmt::Display) -> Error {
        Error::invalid(format!("{}: {reason}", self.path.display()))
    }
}

type Fault<T> = std::result::Result<T, String>;
type Head = (BTreeMap<String, Value>, BTreeMap<String, TensorInfo>);

fn read_head<R: Read>(reader: &mut Reader<R>) -> Fault<Head> {
    if reader.array::<4>().ok() != Some(*b"GGUF") {
        return Err("not a GGUF file: it does not begin with `GGUF`".to_owned());
    }
    match reader.u32()? {
        2 | 3 => {}
        version if version.swap_bytes() <= 3 => {
            return Err("a big-endian GGUF file; only little-endian ones can be read".to_owned());
        }
        version => {
            return Err(format!(
                "GGUF version {version}; versions 2 and 3 can be read"
            ));
        }
    }
    let (n_tensors, n_values) = (reader.u64()?, reader.u64()?);
    let mut metadata = BTreeMap::new();
    for _ in 0..n_values {
        let key = reader.text()?;
        let kind = reader.u32()?;
        let value = read_value(reader, kind).map_err(|e| format!("metadata `{key}`: {e}"))?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(format!("metadata `{key}` stands there twice"));
        }
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..n_tensors {
        let name = reader.text()?;
        let info = read_tensor_info(reader).map_err(|e| format!("tensor `{name}`: {e}"))?;
        if tensors.insert(name.clone(), info).is_some() {
            return Err(format!("tensor `{name}` stands there twice"));
        }
    }
    Ok((metadata, tensors))
}

fn read_value<R: Read>(reader: &mut Reader<R>, kind: u32) -> Fault<Value> {
    Ok(match kind {
        6 => Value::Float(f32::from_le_bytes(reader.array()?).into()),
        12 => Value::Float(f64::from_le_bytes(reader.array()?)),
        8 => Value::Text(reader.text()?),
        9 => read_array(reader)?,
        kind => Value::Int(reader.int(kind)?),
    })
}

fn read_array<R: Read>(reader: &mut Reader<R>) -> Fault<Value> {
    let kind = reader.u32()?;
    let count = reader.u64()?;
    let smallest = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        8 | 10..=12 => 8,
        9 => return Err("arrays of arrays cannot be read".to_owned()),
        other => return Err(format!("unknown value type {other}")),
    };
    if count > MAX_ARRAY || count.saturating_mul(smallest) > reader.left() {
        return Err(format!(
            "an array of {count} values is more than the file can hold"
        ));
    }
    let range = 0..count;
    Ok(match kind {
        8 => Value::Texts(range.map(|_| reader.text()).collect::<Fault<_>>()?),
        6 => Value::Floats(
            range
                .map(|_| Ok(f32::from_le_bytes(reader.array()?).into()))
                .collect::<Fault<_>>()?,
        ),
        12 => Value::Floats(
            range
                .map(|_| Ok(f64::from_le_bytes(reader.array()?)))
                .collect::<Fault<_>>()?,
        ),
        kind => Value::Ints(range.map(|_| reader.int(kind)).collect::<Fault<_>>()?),
    })
}

fn read_tensor_info<R: Read>(reader: &mut Reader<R>) -> Fault<TensorInfo> {
    let dimensions = reader.u32()?;
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return Err(format!(
            "{dimensions} dimensions; 1 to {MAX_DIMENSIONS} are possible"
        ));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        let size = reader.u64()?;
        shape.push(i64::try_from(size).map_err(|_| format!("a dimension of {size}"))?);
    }
    let format = Format::from_ggml(reader.u32()?)?;
    let offset = reader.u64()?;
    let bytes = format.bytes(&shape)?;
    shape.reverse();
    Ok(TensorInfo {
        format,
        shape,
        offset,
        bytes,
    })
}

/// The tensor's place from the beginning of the file.
fn check_place(tensor: &TensorInfo, start: u64, alignment: u64, length: u64) -> Fault<u64> {
    if !tensor.offset.is_multiple_of(alignment) {
        return Err(format!(
            "offset {} is not a multiple of {alignment}",
            tensor.offset
        ));
    }
    let begin = start.checked_add(tensor.offset);
    let end = begin.and_then(|b| b.checked_add(tensor.bytes as u64));
    match (begin, end) {
        (Some(begin), Some(end)) if end <= length => Ok(begin),
        _ => Err(format!(
            "its {} bytes at {start} + {} reach past the end of the file ({length} bytes); the file may be cut short",
            tensor.bytes, tensor.offset
        )),
    }
}

/// Reads forward and knows how much is left.
struct Reader<R> {
    source: R,
    at: u64,
    length: u64,
}

impl<R: Read> Reader<R> {
    fn left(&self) -> u64 {
        self.length.saturating_sub(self.at)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Fault<()> {
        let wanted = bytes.len() as u64;
        if wanted > self.left() {
            return Err(format!(
                "the file is cut short: it ends at byte {}",
                self.length
            ));
        }
        self.source.read_exact(bytes).map_err(|e| e.to_string())?;
        self.at += wanted;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Fault<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Fault<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Fault<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn text(&mut self) -> Fault<String> {
        let length = self.u64()?;
        if length > self.left() {
            return Err(format!(
                "a text of {length} bytes is more than the file can hold"
            ));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| "a text is not UTF-8".to_owned())
    }

    fn int(&mut self, kind: u32) -> Fault<i64> {
        Ok(match kind {
            0 | 7 => u8::from_le_bytes(self.array()?).into(),
            1 => i8::from_le_bytes(self.array()?).into(),
            2 => u16::from_le_bytes(self.array()?).into(),
            3 => i16::from_le_bytes(self.array()?).into(),
            4 => self.u32()?.into(),
            5 => i32::from_le_bytes(self.array()?).into(),
            10 => {
                let n = self.u64()?;
                i64::try_from(n).map_err(|_| format!("integer {n} is too large"))?
            }
            11 => i64::from_le_bytes(self.array()?),
            other => return Err(format!("unknown value type {other}")),
        })
    }
}

#[cfg(test)]
#[path = "gguf_tests.rs"]
mod tests;
