//! Tables: fields between separators, CSV with quotes, and Parquet, all as records of bytes.

use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::Job;
use super::bad::{LineError, LineResult};
use super::dialect::{Dialect, dialect, is_parquet};
use super::fields::{split, split_quoted};
use super::parquet_rows::ParquetRows;
use super::reader::{Lines, Meter};
use super::rows::Row;
use super::spec::{Column, Columns};
use super::values::{self, TimeUnit};
use crate::error::{Error, Result};
use crate::suggest;

/// Which columns hold what.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub dialect: Dialect,
    pub user: Column,
    pub item: Column,
    pub rating: Option<Column>,
    pub time: Option<Column>,
    pub unit: TimeUnit,
    /// Whether a table without the rating or time column is fine.
    pub lenient: bool,
}

impl Layout {
    /// Columns by name.
    pub fn named(dialect: Dialect, [user, item, rating, time]: [&str; 4]) -> Self {
        let (rating, time) = (Some(rating.into()), Some(time.into()));
        let (user, item) = (user.into(), item.into());
        Self {
            dialect,
            user,
            item,
            rating,
            time,
            unit: TimeUnit::Seconds,
            lenient: false,
        }
    }

    /// User, item, rating and time in this order, without a header.
    pub fn in_order(separator: &str) -> Self {
        Self {
            dialect: Dialect::new(separator, false),
            user: Column::Place(1),
            item: Column::Place(2),
            rating: Some(Column::Place(3)),
            time: Some(Column::Place(4)),
            unit: TimeUnit::Seconds,
            lenient: false,
        }
    }

    /// As a user maps the columns of `path`. Parts that are not set are looked for in the file.
    pub fn mapped(columns: &Columns, path: &Path, meter: &Meter) -> Result<Self> {
        let (Some(user), Some(item)) = (columns.user.clone(), columns.item.clone()) else {
            return Err(Error::setting("columns", "`user` and `item` are needed"));
        };
        let named = [
            Some(&user),
            Some(&item),
            columns.rating.as_ref(),
            columns.time.as_ref(),
        ]
        .into_iter()
        .flatten()
        .any(|c| matches!(c, Column::Name(_)));
        let header = columns.header.unwrap_or(named);
        let dialect = dialect(path, columns.separator.as_deref(), header, meter)?;
        let (rating, time) = (columns.rating.clone(), columns.time.clone());
        Ok(Self {
            dialect,
            user,
            item,
            rating,
            time,
            unit: columns.time_unit,
            lenient: false,
        })
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        [&self.user, &self.item]
            .into_iter()
            .chain(&self.rating)
            .chain(&self.time)
    }
}

enum Records {
    Split { lines: Lines, separator: Vec<u8> },
    Quoted { lines: Lines, separator: u8 },
    Parquet(ParquetRows),
}

impl Records {
    /// The line of the record that was read, from 1, and whether it is one; none at the end.
    fn next(&mut self, record: &mut ByteRecord) -> Result<Option<(u64, LineResult<()>)>> {
        match self {
            Self::Split { lines, separator } => {
                let Some((number, line)) = lines.next()? else {
                    return Ok(None);
                };
                record.clear();
                split(line, separator, |field| record.push_field(field));
                Ok(Some((number, Ok(()))))
            }
            Self::Quoted { lines, separator } => {
                let Some((number, line)) = lines.next()? else {
                    return Ok(None);
                };
                record.clear();
                let (mut field, mut quoted) = (Vec::new(), false);
                split_quoted(line, *separator, record, &mut field, &mut quoted);
                while quoted {
                    let Some(line) = lines.longer(LONGEST)? else {
                        // The quote may be a slip, so the lines after it are read by themselves.
                        lines.part(number);
                        let open = LineError::bare("a quote is opened and not closed");
                        return Ok(Some((number, Err(open))));
                    };
                    field.push(b'\n');
                    split_quoted(line, *separator, record, &mut field, &mut quoted);
                }
                Ok(Some((number, Ok(()))))
            }
            Self::Parquet(rows) => Ok(rows.next_record(record)?.map(|row| (row, Ok(())))),
        }
    }
}

/// A record with line breaks is no longer than this, in bytes.
const LONGEST: usize = 1 << 20;

/// A table being read.
pub(super) struct Table {
    path: PathBuf,
    records: Records,
    record: ByteRecord,
    /// Names of the columns, where the first line holds them.
    pub header: Option<Vec<String>>,
}

impl Table {
    /// Opens a table. Of a Parquet file only the columns `wanted` are read, all without it.
    pub fn open(
        path: &Path,
        dialect: &Dialect,
        wanted: Option<&[&str]>,
        meter: &Meter,
    ) -> Result<Self> {
        let mut record = ByteRecord::new();
        if is_parquet(path) {
            let rows = ParquetRows::open(path, wanted)?;
            let header = Some(rows.names().to_vec());
            return Ok(Self {
                path: path.to_path_buf(),
                records: Records::Parquet(rows),
                record,
                header,
            });
        }
        let mut records = match (dialect.quoted, dialect.separator.as_bytes()) {
            (true, [byte]) => Records::Quoted {
                lines: Lines::open(path, meter)?,
                separator: *byte,
            },
            (_, bytes) => Records::Split {
                lines: Lines::open(path, meter)?,
                separator: bytes.to_vec(),
            },
        };
        let mut header = None;
        if dialect.header {
            let Some((line, whole)) = records.next(&mut record)? else {
                return Err(Error::data(path, None, "is empty; a header is needed"));
            };
            let name = |field| values::text(field).map(str::to_owned);
            let names = whole.and_then(|()| record.iter().map(name).collect());
            header = Some(names.map_err(|e: LineError| {
                Error::data(path, Some(line), format!("header: {}", e.reason))
            })?);
        }
        Ok(Self {
            path: path.to_path_buf(),
            records,
            record,
            header,
        })
    }

    /// The place of a column from 0.
    ///
    /// # Errors
    /// [`Error::Data`] with the nearest names of the header.
    pub fn place(&self, column: &Column) -> Result<usize> {
        let header = self.header.as_deref();
        let wrong = |reason: String| Err(Error::data(&self.path, header.map(|_| 1), reason));
        match (column, header) {
            (Column::Place(0), _) => wrong("columns are counted from 1".to_owned()),
            (Column::Place(n), Some(names)) if *n > names.len() => wrong(format!(
                "there is no column {n}; the header names {}",
                names.len()
            )),
            (Column::Place(n), _) => Ok(n - 1),
            (Column::Name(name), None) => wrong(format!(
                "the column `{name}` is told by name, but the file has no header; tell its place"
            )),
            (Column::Name(name), Some(names)) => {
                let mut places = names
                    .iter()
                    .enumerate()
                    .filter(|(_, n)| *n == name)
                    .map(|(at, _)| at);
                match (places.next(), places.next()) {
                    (Some(at), None) => Ok(at),
                    (Some(_), Some(_)) => {
                        wrong(format!("the header names the column `{name}` twice"))
                    }
                    (None, _) => {
                        let near = suggest::phrase(&suggest::nearest(name, names), names);
                        wrong(format!("the header has no column `{name}`{near}"))
                    }
                }
            }
        }
    }

    /// The line from 1 (for Parquet, the row) of the next record, and the record.
    pub fn next(&mut self) -> Result<Option<(u64, LineResult<&ByteRecord>)>> {
        let Some((line, whole)) = self.records.next(&mut self.record)? else {
            return Ok(None);
        };
        Ok(Some((line, whole.map(|()| &self.record))))
    }
}

/// A field of a record, where there is one.
pub(super) fn field(record: &ByteRecord, place: usize) -> LineResult<&[u8]> {
    record.get(place).ok_or_else(|| {
        let reason = format!(
            "the line has {} fields, {} are needed",
            record.len(),
            place + 1
        );
        LineError::bare(reason)
    })
}

/// Refuses records of another length than the header.
pub(super) fn check_width(record: &ByteRecord, width: Option<usize>) -> LineResult<&ByteRecord> {
    match width {
        Some(width) if width != record.len() => {
            let found = record.len();
            Err(LineError::bare(format!(
                "the line has {found} fields, the header {width}"
            )))
        }
        _ => Ok(record),
    }
}

/// Reads all interactions of a table.
pub(super) fn interactions(job: &mut Job, path: &Path, layout: &Layout) -> Result<()> {
    let wanted: Option<Vec<&str>> = layout
        .columns()
        .map(|c| match c {
            Column::Name(name) => Some(name.as_str()),
            Column::Place(_) => None,
        })
        .collect();
    let wanted = wanted.filter(|_| !layout.lenient);
    let table = Table::open(path, &layout.dialect, wanted.as_deref(), &job.meter)?;
    interactions_of(job, path, layout, table)
}

/// Reads all interactions of an opened table.
pub(super) fn interactions_of(
    job: &mut Job,
    path: &Path,
    layout: &Layout,
    mut table: Table,
) -> Result<()> {
    let place = |column: &Column| table.place(column);
    let optional = |column: &Option<Column>| match column {
        Some(Column::Name(name))
            if layout.lenient && !table.header.iter().flatten().any(|n| n == name) =>
        {
            Ok(None)
        }
        Some(column) => table.place(column).map(Some),
        None => Ok(None),
    };
    let (user, item) = (place(&layout.user)?, place(&layout.item)?);
    let (rating, time) = (optional(&layout.rating)?, optional(&layout.time)?);
    let width = table.header.as_ref().map(Vec::len);
    while let Some((line, record)) = table.next()? {
        let rows = &mut job.rows;
        let outcome = record
            .and_then(|r| check_width(r, width))
            .and_then(|record| {
                let text = |place| values::text(field(record, place)?);
                rows.push(&Row {
                    user: text(user)?,
                    item: text(item)?,
                    rating: rating.map_or(Ok(None), |at| values::rating(text(at)?))?,
                    time: time
                        .map(|at| values::time(text(at)?, layout.unit))
                        .transpose()?,
                })
            });
        job.bad.note(path, line, outcome)?;
    }
    Ok(())
}
