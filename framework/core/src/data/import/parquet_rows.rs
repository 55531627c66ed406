//! Rows of a Parquet file.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::ByteRecord;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::{interrupt, suggest};

/// A Parquet file being read.
pub(super) struct ParquetRows {
    path: PathBuf,
    rows: RowIter<'static>,
    names: Vec<String>,
    number: u64,
}

impl ParquetRows {
    /// Opens a file and reads only the columns `wanted`, all without it.
    pub fn open(path: &Path, wanted: Option<&[&str]>) -> Result<Self> {
        unpanicked(path, None, || Self::opened(path, wanted))
    }

    fn opened(path: &Path, wanted: Option<&[&str]>) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let reader = SerializedFileReader::new(file).map_err(|e| refused(path, None, e))?;
        let schema = reader
            .metadata()
            .file_metadata()
            .schema_descr()
            .root_schema_ptr();
        let fields = schema.get_fields();
        let all: Vec<String> = fields.iter().map(|f| f.name().to_owned()).collect();
        for name in wanted.unwrap_or_default() {
            if !all.iter().any(|n| n == name) {
                let near = suggest::phrase(&suggest::nearest(name, &all), &all);
                return Err(Error::data(
                    path,
                    None,
                    format!("there is no column `{name}`{near}"),
                ));
            }
        }
        let kept: Vec<Arc<Type>> = match wanted {
            Some(wanted) => fields
                .iter()
                .filter(|f| wanted.contains(&f.name()))
                .cloned()
                .collect(),
            None => fields.to_vec(),
        };
        let names = kept.iter().map(|f| f.name().to_owned()).collect();
        let projection = Type::group_type_builder(schema.name())
            .with_fields(kept)
            .build();
        let projection = projection.map_err(|e| refused(path, None, e))?;
        let rows = RowIter::from_file_into(Box::new(reader))
            .project(Some(projection))
            .map_err(|e| refused(path, None, e))?;
        Ok(Self {
            path: path.to_path_buf(),
            rows,
            names,
            number: 0,
        })
    }

    /// Names of the columns that are read.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row as bytes, and its number from 1.
    pub fn next_record(&mut self, record: &mut ByteRecord) -> Result<Option<u64>> {
        let Some(row) = self.next_row()? else {
            return Ok(None);
        };
        record.clear();
        for (_, field) in row.get_column_iter() {
            match field {
                Field::Str(text) => record.push_field(text.as_bytes()),
                Field::Bytes(bytes) => record.push_field(bytes.data()),
                field => record.push_field(text(&to_json(field)).as_bytes()),
            }
        }
        Ok(Some(self.number))
    }

    /// The next row as JSON, and its number from 1.
    pub fn next_object(&mut self) -> Result<Option<(u64, Map<String, Value>)>> {
        let Some(row) = self.next_row()? else {
            return Ok(None);
        };
        Ok(Some((self.number, object(&row))))
    }

    fn next_row(&mut self) -> Result<Option<Row>> {
        let (path, rows) = (&self.path, &mut self.rows);
        let Some(row) = unpanicked(path, Some(self.number + 1), || Ok(rows.next()))? else {
            return Ok(None);
        };
        self.number += 1;
        if self.number.is_multiple_of(1 << 14) {
            interrupt::check()?;
        }
        row.map(Some)
            .map_err(|e| refused(&self.path, Some(self.number), e))
    }
}

/// The reader of Parquet panics on some damaged files; to the user that is one more damaged file.
fn unpanicked<T>(path: &Path, row: Option<u64>, read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Error::data(
            path,
            row,
            "cannot be read as Parquet: the file is damaged",
        ))
    })
}

fn refused(path: &Path, row: Option<u64>, error: ParquetError) -> Error {
    Error::data(path, row, format!("cannot be read as Parquet: {error}"))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn object(row: &Row) -> Map<String, Value> {
    row.get_column_iter()
        .map(|(name, field)| (name.clone(), to_json(field)))
        .collect()
}

/// A value as JSON; timestamps become unix seconds, whole floating-point numbers become integers.
fn to_json(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(v) => (*v).into(),
        Field::Byte(v) => (*v).into(),
        Field::Short(v) => (*v).into(),
        Field::Int(v) => (*v).into(),
        Field::Long(v) => (*v).into(),
        Field::UByte(v) => (*v).into(),
        Field::UShort(v) => (*v).into(),
        Field::UInt(v) => (*v).into(),
        Field::ULong(v) => (*v).into(),
        Field::Float(v) => number(f64::from(*v)),
        Field::Double(v) => number(*v),
        Field::Str(v) => v.clone().into(),
        Field::Bytes(v) => String::from_utf8_lossy(v.data()).into(),
        Field::Date(days) => (i64::from(*days) * 86_400).into(),
        Field::TimestampMillis(v) => v.div_euclid(1000).into(),
        Field::TimestampMicros(v) => v.div_euclid(1_000_000).into(),
        Field::ListInternal(list) => list.elements().iter().map(to_json).collect(),
        Field::Group(row) => Value::Object(object(row)),
        other => other.to_string().into(),
    }
}

fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        (value as i64).into()
    } else {
        value.into()
    }
}
