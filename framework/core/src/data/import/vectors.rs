//! Vectors of items that someone else computed, with the items' identifiers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use tch::{Kind, Tensor};

use super::bad::{LineError, LineResult};
use super::dialect::dialect;
use super::npy;
use super::reader::{Lines, Meter};
use super::spec::Column;
use super::table::{Table, check_width, field};
use super::values;
use crate::error::{Error, Result};

/// Where vectors of items lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorFile {
    /// `.npy` or `.safetensors`; any other file is a table of text or Parquet.
    pub path: PathBuf,
    /// The identifiers of the rows, one a line; tables have a column of them instead.
    pub ids: Option<PathBuf>,
    /// Which tensor of a `.safetensors` file; it may be left out where there is only one.
    pub tensor: Option<String>,
    /// Which column of a table holds the identifiers; the first where none is named. All others are numbers.
    pub id_column: Option<String>,
}

/// Vectors of items as they were read.
#[derive(Debug)]
pub struct ItemVectors {
    /// f32 `[N,d]`, finite.
    pub table: Tensor,
    /// The row of each identifier.
    pub rows: HashMap<String, usize>,
}

/// What kind of file a path names.
enum Form {
    Npy,
    Safetensors,
    Table,
}

impl VectorFile {
    /// Reads the vectors.
    ///
    /// # Errors
    /// [`Error::Data`] with file and row for an identifier that stands twice, a value that is no finite number, a shape or
    /// type that is no table, a damaged file; [`Error::Setting`] for a setting that the kind of file does not take or
    /// lacks; [`Error::Io`].
    pub fn read(&self) -> Result<ItemVectors> {
        let wrong = |reason: &str| {
            let place = format!("vectors of {}", self.path.display());
            Err(Error::setting(place, reason))
        };
        let form = self.form();
        if self.tensor.is_some() && !matches!(form, Form::Safetensors) {
            return wrong("`tensor` names a tensor of a .safetensors file; this file is none");
        }
        if matches!(form, Form::Table) {
            return match self.ids {
                Some(_) => wrong("a table holds its identifiers in a column; leave out `ids`"),
                None => self.read_table(),
            };
        }
        match (&self.ids, &self.id_column) {
            (_, Some(_)) => wrong("`id_column` is for tables; give a file of identifiers in `ids`"),
            (None, _) => wrong("give a file with the items' identifiers, one a line, in `ids`"),
            (Some(ids), None) => {
                let table = self.finite(self.read_tensor(&form)?)?;
                let rows = read_ids(ids)?;
                self.check_rows(&table, ids, rows.len())?;
                Ok(ItemVectors { table, rows })
            }
        }
    }

    fn form(&self) -> Form {
        let extension = self.path.extension().map(|e| e.to_ascii_lowercase());
        match extension.as_deref().and_then(|e| e.to_str()) {
            Some("npy") => Form::Npy,
            Some("safetensors") => Form::Safetensors,
            _ => Form::Table,
        }
    }

    fn data(&self, line: Option<u64>, reason: impl Into<String>) -> Error {
        Error::data(&self.path, line, reason)
    }

    /// The tensor of the file, f32 `[N,d]`.
    fn read_tensor(&self, form: &Form) -> Result<Tensor> {
        let tensor = match form {
            Form::Npy => npy::read(&self.path)?,
            _ => {
                std::fs::File::open(&self.path).map_err(Error::io(&self.path))?;
                let read = Tensor::read_safetensors(&self.path);
                self.choose(read.map_err(|e| {
                    self.data(None, format!("cannot be read as .safetensors: {e}"))
                })?)?
            }
        };
        let (kind, shape) = (tensor.kind(), tensor.size());
        let is_float = matches!(
            kind,
            Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double
        );
        match shape[..] {
            [_, columns] if is_float && columns > 0 => Ok(tensor.f_to_kind(Kind::Float)?),
            _ => {
                let reason = format!(
                    "holds {kind:?} of the shape {shape:?}; a table of floating-point numbers [items, columns] is needed"
                );
                Err(self.data(None, reason))
            }
        }
    }

    /// The tensor that `tensor` names, or the only one.
    fn choose(&self, mut tensors: Vec<(String, Tensor)>) -> Result<Tensor> {
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        let names: Vec<String> = tensors.iter().map(|(name, _)| name.clone()).collect();
        let at = match &self.tensor {
            Some(wanted) => names
                .iter()
                .position(|name| name == wanted)
                .ok_or_else(|| {
                    let mut error = Error::unknown("tensor", wanted, &names);
                    if let Error::Unknown { note, .. } = &mut error {
                        *note = format!(" of {}", self.path.display());
                    }
                    error
                })?,
            None if names.len() == 1 => 0,
            None => {
                let reason = format!(
                    "holds {} tensors ({}); choose one with `tensor`",
                    names.len(),
                    names.join(", ")
                );
                return Err(self.data(None, reason));
            }
        };
        Ok(tensors.swap_remove(at).1)
    }

    fn check_rows(&self, table: &Tensor, ids: &Path, known: usize) -> Result<()> {
        let (rows, _) = table.size2()?;
        if rows == known as i64 {
            return Ok(());
        }
        let reason = format!(
            "has {rows} rows, but {} has {known} identifiers; both must be in the same order, one line a row",
            ids.display()
        );
        Err(self.data(None, reason))
    }

    /// Refuses values that are not finite.
    fn finite(&self, table: Tensor) -> Result<Tensor> {
        let odd = table.f_isfinite()?.f_logical_not()?.f_any_dim(1, false)?;
        let rows = Vec::<bool>::try_from(&odd)?;
        match rows.iter().position(|odd| *odd) {
            None => Ok(table),
            Some(row) => {
                let count = rows.iter().filter(|odd| **odd).count();
                let reason = format!(
                    "NaN or infinity in {count} of {} rows, first in row {}; leave such rows out",
                    rows.len(),
                    row + 1
                );
                Err(self.data(None, reason))
            }
        }
    }

    /// A table of text or Parquet: a column of identifiers, and numbers.
    fn read_table(&self) -> Result<ItemVectors> {
        let bytes = std::fs::metadata(&self.path).map_err(Error::io(&self.path))?;
        let meter = Meter::begin("read vectors", bytes.len());
        let mut table = Table::open(
            &self.path,
            &dialect(&self.path, None, true, &meter)?,
            None,
            &meter,
        )?;
        let header = table.header.clone().unwrap_or_default();
        let id = match &self.id_column {
            Some(name) => table.place(&Column::Name(name.clone()))?,
            None => 0,
        };
        if header.len() < 2 {
            let reason = "a column of identifiers and columns of numbers are needed";
            return Err(self.data(Some(1), format!("{reason}; found {}", header.join(", "))));
        }
        let (mut rows, mut values) = (Rows::default(), Vec::new());
        while let Some((line, record)) = table.next()? {
            let read = record.and_then(|record| {
                check_width(record, Some(header.len()))?;
                rows.add(values::text(field(record, id)?)?, line)?;
                numbers(record, id, &header, &mut values)
            });
            read.map_err(|error| error.at(&self.path, line, ""))?;
        }
        let shape = [-1, header.len() as i64 - 1];
        if rows.0.is_empty() {
            return Err(self.data(None, "holds no item below its header"));
        }
        Ok(ItemVectors {
            table: Tensor::f_from_slice(&values)?.f_view(shape)?,
            rows: rows.finish(),
        })
    }
}

/// Reads all fields of a record but the identifier.
fn numbers(
    record: &ByteRecord,
    id: usize,
    header: &[String],
    values: &mut Vec<f32>,
) -> LineResult<()> {
    for (at, name) in header.iter().enumerate().filter(|(at, _)| *at != id) {
        let text = values::text(field(record, at)?)?;
        match text.parse::<f32>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ => {
                let reason = format!(
                    "column `{name}` holds no finite number; leave the column or the row out of the file"
                );
                return Err(LineError::new(reason, text));
            }
        }
    }
    Ok(())
}

/// Rows by identifier, with the line of each.
#[derive(Default)]
struct Rows(HashMap<String, (usize, u64)>);

impl Rows {
    fn add(&mut self, id: &str, line: u64) -> LineResult<()> {
        if id.is_empty() {
            return Err(LineError::bare("the item's identifier is missing"));
        }
        let row = self.0.len();
        match self.0.entry(id.to_owned()) {
            Entry::Vacant(place) => {
                place.insert((row, line));
                Ok(())
            }
            Entry::Occupied(known) => {
                let first = known.get().1;
                let reason = format!(
                    "the item stands twice, first in line {first}; keep one row for each item"
                );
                Err(LineError::new(reason, id))
            }
        }
    }

    fn finish(self) -> HashMap<String, usize> {
        let rows = self.0.into_iter();
        rows.map(|(id, (row, _))| (id, row)).collect()
    }
}

/// Reads a file of identifiers, one a line; empty lines at the end do not count.
fn read_ids(path: &Path) -> Result<HashMap<String, usize>> {
    let bytes = std::fs::metadata(path).map_err(Error::io(path))?;
    let mut lines = Lines::open(path, &Meter::begin("read identifiers", bytes.len()))?;
    let mut rows = Rows::default();
    while let Some((number, line)) = lines.next()? {
        let gap = rows.0.len() as u64 + 1 != number;
        let read = match gap {
            true => Err(LineError::bare(
                "the line before is empty; each line is a row",
            )),
            false => values::text(line).and_then(|id| rows.add(id, number)),
        };
        read.map_err(|error| error.at(path, number, ""))?;
    }
    Ok(rows.finish())
}
