//! Tables of numbers as numpy saves them: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
//!
//! tch reads the format too, but past the end of a file that was cut.

use std::path::Path;

use tch::{Kind, Tensor};

use crate::error::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The array of a `.npy` file of little-endian floating-point numbers.
///
/// # Errors
/// [`Error::Io`], and [`Error::Data`] when the file holds something else or was cut.
pub(super) fn read(path: &Path) -> Result<Tensor> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let refuse = |reason: &str| {
        let hint = "write it with numpy.save(path, vectors.astype(\"float32\"))";
        Error::data(
            path,
            None,
            format!("cannot be read as .npy: {reason}; {hint}"),
        )
    };
    let (header, data) = parts(&bytes).ok_or_else(|| refuse("the header is missing or cut"))?;
    let value = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start());
    let kind = value("'descr':").and_then(|rest| kind(rest.split('\'').nth(1)?));
    let (kind, bytes) =
        kind.ok_or_else(|| refuse("it holds no little-endian floating-point numbers"))?;
    let shape = value("'shape':").and_then(shape);
    let shape = shape.ok_or_else(|| refuse("the header tells no shape"))?;
    let count = shape
        .iter()
        .try_fold(bytes, |count, n| count.checked_mul(*n));
    let needed = count.and_then(|count| usize::try_from(count).ok());
    if needed != Some(data.len()) {
        let reason = format!(
            "{} bytes of numbers do not fit the shape {shape:?}",
            data.len()
        );
        return Err(refuse(&reason));
    }
    let is_fortran = value("'fortran_order':").is_some_and(|rest| rest.starts_with("True"));
    if !is_fortran {
        return Ok(Tensor::f_from_data_size(data, &shape, kind)?);
    }
    let reversed: Vec<i64> = shape.iter().rev().copied().collect();
    let axes: Vec<i64> = (0..shape.len() as i64).rev().collect();
    let tensor = Tensor::f_from_data_size(data, &reversed, kind)?;
    Ok(tensor.f_permute(&axes)?.f_contiguous()?)
}

/// The header and what follows it: its length stands behind the magic and the version, in 2 or 4 bytes.
fn parts(file: &[u8]) -> Option<(&str, &[u8])> {
    let rest = file.strip_prefix(MAGIC)?;
    let (version, rest) = rest.split_at_checked(2)?;
    let (length, rest) = rest.split_at_checked(if version[0] == 1 { 2 } else { 4 })?;
    let length = length
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (header, data) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(header).ok()?, data))
}

/// The type that numpy's name stands for, and its bytes.
fn kind(name: &str) -> Option<(Kind, i64)> {
    match name {
        "<f2" => Some((Kind::Half, 2)),
        "<f4" => Some((Kind::Float, 4)),
        "<f8" => Some((Kind::Double, 8)),
        _ => None,
    }
}

/// Reads `(2, 3), …`.
fn shape(text: &str) -> Option<Vec<i64>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let sizes = inside.split(',').map(str::trim).filter(|n| !n.is_empty());
    sizes.map(|n| n.parse().ok().filter(|n| *n >= 0)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As numpy saves `[[0, 1, 2], [3, 4, 5]]` in Fortran order.
    #[test]
    fn columns_may_come_first() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n";
        let numbers = [0.0_f32, 3.0, 1.0, 4.0, 2.0, 5.0].map(f32::to_le_bytes);
        let length = [header.len() as u8, 0];
        let parts = [
            MAGIC,
            &[1, 0],
            &length,
            header.as_bytes(),
            &numbers.concat(),
        ];
        std::fs::write(file.path(), parts.concat()).unwrap();
        let expected = Tensor::arange(6, (Kind::Float, tch::Device::Cpu)).view([2, 3]);
        assert_eq!(read(file.path()).unwrap(), expected);
    }
}
