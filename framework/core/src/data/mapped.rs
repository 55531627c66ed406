//! Files of a stored data set, memory-mapped through libtorch.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use crate::artefact::missing_is_damage;
use crate::error::{Error, Result};

/// Size and checksum of a stored file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Check {
    /// Length in bytes.
    pub bytes: u64,
    /// CRC-32C of the content.
    pub crc32c: u32,
}

impl Check {
    /// Reads `path` and compares it with what was written. `each` sees the content in pieces.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the file is missing, cut, or changed.
    pub fn verify(self, path: &Path, mut each: impl FnMut(&[u8])) -> Result<()> {
        let damaged = |reason: String| Error::damaged(path, reason);
        let mut file = File::open(path)
            .map_err(Error::io(path))
            .map_err(missing_is_damage)?;
        let found = file.metadata().map_err(Error::io(path))?.len();
        if found != self.bytes {
            return Err(damaged(format!(
                "has {found} bytes, {} were written",
                self.bytes
            )));
        }
        let mut buffer = vec![0; 1 << 18];
        let mut crc = 0;
        loop {
            let n = file.read(&mut buffer).map_err(Error::io(path))?;
            if n == 0 {
                break;
            }
            crc = crc32c::crc32c_append(crc, &buffer[..n]);
            each(&buffer[..n]);
        }
        if crc == self.crc32c {
            return Ok(());
        }
        Err(damaged("the content is not what was written".to_owned()))
    }
}

/// A column of little-endian numbers.
#[derive(Debug)]
pub(super) struct Column(Tensor);

impl Column {
    /// Maps `len` numbers. The file's size is compared first, since a read past its end would end the program.
    pub fn map(path: &Path, kind: Kind, len: usize) -> Result<Self> {
        let bytes = std::fs::metadata(path).map_err(Error::io(path))?.len();
        let wanted = (len * kind.elt_size_in_bytes()) as u64;
        if bytes != wanted {
            return Err(Error::damaged(
                path,
                format!("has {bytes} bytes, {wanted} are needed"),
            ));
        }
        let options = (kind, Device::Cpu);
        if len == 0 {
            return Ok(Self(Tensor::f_zeros([0], options)?));
        }
        let name = path
            .to_str()
            .ok_or_else(|| Error::data(path, None, "libtorch opens only paths in UTF-8"))?;
        Ok(Self(Tensor::f_from_file(name, false, len as i64, options)?))
    }

    /// The mapped tensor.
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// Copies a range out.
    pub fn read<T: Element + Clone + Default>(&self, range: Range<usize>) -> Result<Vec<T>> {
        let len = range.end.saturating_sub(range.start);
        let mut out = vec![T::default(); len];
        if len > 0 {
            let part = self.0.f_narrow(0, range.start as i64, len as i64)?;
            part.f_copy_data(&mut out, len)?;
        }
        Ok(out)
    }
}

/// Lines of text, by number.
#[derive(Debug)]
pub(super) struct Lines {
    bytes: Column,
    starts: Vec<u64>,
}

impl Lines {
    /// Verifies and maps a file of `count` lines, each ended by a line feed.
    pub fn open(path: &Path, check: Check, count: usize) -> Result<Self> {
        let mut starts = Vec::with_capacity(count + 1);
        starts.push(0);
        let mut seen = 0u64;
        check.verify(path, |part| {
            let ends = part.iter().enumerate().filter(|(_, b)| **b == b'\n');
            starts.extend(ends.map(|(at, _)| seen + at as u64 + 1));
            seen += part.len() as u64;
        })?;
        if starts.len() != count + 1 || starts.last() != Some(&check.bytes) {
            let found = starts.len() - 1;
            return Err(Error::damaged(
                path,
                format!("has {found} lines, {count} are needed"),
            ));
        }
        Ok(Self {
            bytes: Column::map(path, Kind::Uint8, check.bytes as usize)?,
            starts,
        })
    }

    /// Line `number` from 0, without its end; none past the last.
    pub fn get(&self, number: usize) -> Result<Option<String>> {
        let (Some(start), Some(end)) = (self.starts.get(number), self.starts.get(number + 1))
        else {
            return Ok(None);
        };
        let bytes = self
            .bytes
            .read(*start as usize..(*end as usize).saturating_sub(1))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}
