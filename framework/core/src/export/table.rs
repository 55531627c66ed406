//! Tables in the forms that other programs read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::files;

/// The form of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Apache Parquet, compressed with zstd.
    #[default]
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// Numbers as numpy saves them, with identifiers and columns beside them.
    Npy,
    /// The same as safetensors.
    Safetensors,
}

impl Format {
    /// All forms.
    pub const ALL: [Self; 4] = [Self::Parquet, Self::Csv, Self::Npy, Self::Safetensors];

    /// Its name, which is the ending of its files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Npy => "npy",
            Self::Safetensors => "safetensors",
        }
    }
}

/// A column.
pub(super) enum Column {
    Text(Vec<String>),
    Whole(Vec<i64>),
    Number(Vec<f32>),
}

/// A table: columns of equal length.
pub(super) type Columns = Vec<(String, Column)>;

/// Writes a table of which not all columns are numbers: as Parquet if that is the form, else as CSV.
pub(super) fn write(
    folder: &Path,
    name: &str,
    columns: &Columns,
    format: Format,
) -> Result<PathBuf> {
    let (ending, write): (_, fn(&Path, &Columns) -> Result<()>) = match format {
        Format::Parquet => ("parquet", parquet),
        _ => ("csv", csv),
    };
    let path = folder.join(format!("{name}.{ending}"));
    files::replace(&path, |new| write(new, columns))?;
    Ok(path)
}

/// Numbers with a row for each identifier.
pub(super) struct Matrix {
    /// What the rows are: `item` or `user`.
    pub of: &'static str,
    pub ids: Vec<String>,
    pub columns: Vec<String>,
    /// `[N,c]`
    pub values: Tensor,
}

impl Matrix {
    /// Writes the matrix; identifiers stand in the first column, or in `NAME.ids.txt`, a line each, and the columns' names
    /// in `NAME.columns.txt`.
    pub fn write(self, folder: &Path, name: &str, format: Format) -> Result<Vec<PathBuf>> {
        let values = self.values.f_detach()?.f_to_device(Device::Cpu)?;
        let values = values.f_to_kind(Kind::Float)?.f_contiguous()?;
        if matches!(format, Format::Parquet | Format::Csv) {
            let mut columns = vec![(self.of.to_owned(), Column::Text(self.ids))];
            for (place, column) in self.columns.into_iter().enumerate() {
                let numbers = values.f_select(1, place as i64)?.f_contiguous()?;
                columns.push((column, Column::Number(numbers.try_into()?)));
            }
            return Ok(vec![write(folder, name, &columns, format)?]);
        }
        let mut paths = vec![folder.join(format!("{name}.{}", format.name()))];
        files::replace(&paths[0], |new| match format {
            Format::Npy => Ok(values.write_npy(new)?),
            _ => Ok(Tensor::write_safetensors(&[("values", &values)], new)?),
        })?;
        for (what, lines) in [("ids", &self.ids), ("columns", &self.columns)] {
            let path = folder.join(format!("{name}.{what}.txt"));
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            files::replace(&path, |new| {
                std::fs::write(new, text).map_err(Error::io(new))
            })?;
            paths.push(path);
        }
        Ok(paths)
    }
}

fn csv(path: &Path, columns: &Columns) -> Result<()> {
    let failed = |e: csv::Error| Error::data(path, None, format!("cannot be written: {e}"));
    let mut writer = csv::Writer::from_path(path).map_err(failed)?;
    let head = columns.iter().map(|(name, _)| name);
    writer.write_record(head).map_err(failed)?;
    let length = columns.first().map_or(0, |(_, column)| match column {
        Column::Text(values) => values.len(),
        Column::Whole(values) => values.len(),
        Column::Number(values) => values.len(),
    });
    for row in 0..length {
        let cells = columns.iter().map(|(_, column)| match column {
            Column::Text(values) => values[row].clone(),
            Column::Whole(values) => values[row].to_string(),
            Column::Number(values) => values[row].to_string(),
        });
        writer.write_record(cells).map_err(failed)?;
    }
    writer.flush().map_err(Error::io(path))
}

fn parquet(path: &Path, columns: &Columns) -> Result<()> {
    let file = File::create(path).map_err(Error::io(path))?;
    let written = parquet_into(file, columns);
    written.map_err(|e| Error::data(path, None, format!("cannot be written: {e}")))
}

fn parquet_into(file: File, columns: &Columns) -> std::result::Result<(), ParquetError> {
    let field = |(name, column): &(String, Column)| {
        let (physical, logical) = match column {
            Column::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Column::Whole(_) => (Physical::INT64, None),
            Column::Number(_) => (Physical::FLOAT, None),
        };
        let builder = Type::primitive_type_builder(name, physical);
        let builder = builder.with_repetition(Repetition::REQUIRED);
        builder.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = columns
        .iter()
        .map(field)
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let schema = Arc::new(
        Type::group_type_builder("table")
            .with_fields(fields)
            .build()?,
    );
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(Default::default()));
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties.build()))?;
    let mut group = writer.next_row_group()?;
    for (_, column) in columns {
        let Some(mut out) = group.next_column()? else {
            break;
        };
        match column {
            Column::Text(values) => {
                let bytes: Vec<ByteArray> =
                    values.iter().map(|v| ByteArray::from(v.as_str())).collect();
                out.typed::<ByteArrayType>()
                    .write_batch(&bytes, None, None)?;
            }
            Column::Whole(values) => {
                out.typed::<Int64Type>().write_batch(values, None, None)?;
            }
            Column::Number(values) => {
                out.typed::<FloatType>().write_batch(values, None, None)?;
            }
        }
        out.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}
