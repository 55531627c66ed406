//! Tables: fields between separators, CSV with quotes, and Parquet, all as records of bytes.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::Job;
use super::bad::{LineError, LineResult};
use super::dialect::{Dialect, dialect, is_parquet};
use super::parquet_rows::ParquetRows;
use super::reader::{Lines, Meter, open, read_error};
use super::rows::Row;
use super::spec::{Column, Columns};
use super::values::{self, TimeUnit};
use crate::error::{Error, Result};
use crate::{interrupt, suggest};

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
    Split {
        lines: Lines,
        separator: Vec<u8>,
    },
    Quoted {
        csv: csv::Reader<Box<dyn BufRead>>,
        count: u64,
    },
    Parquet(ParquetRows),
}

impl Records {
    /// The line of the record that was read, from 1; none at the end.
    fn next(&mut self, path: &Path, record: &mut ByteRecord) -> Result<Option<u64>> {
        match self {
            Self::Split { lines, separator } => {
                let Some((number, line)) = lines.next()? else {
                    return Ok(None);
                };
                record.clear();
                split(line, separator, |field| record.push_field(field));
                Ok(Some(number))
            }
            Self::Quoted { csv, count } => {
                *count += 1;
                if count.is_multiple_of(1 << 16) {
                    interrupt::check()?;
                }
                let line = csv.position().line();
                let more = csv
                    .read_byte_record(record)
                    .map_err(|e| csv_error(path, line, e))?;
                Ok(more.then(|| record.position().map_or(line, csv::Position::line)))
            }
            Self::Parquet(rows) => rows.next_record(record),
        }
    }
}

fn csv_error(path: &Path, line: u64, error: csv::Error) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(e) => read_error(path, line, e),
        other => Error::data(
            path,
            Some(line),
            format!("cannot be read as CSV: {other:?}"),
        ),
    }
}

fn split(line: &[u8], separator: &[u8], mut field: impl FnMut(&[u8])) {
    if let [byte] = separator {
        return line.split(|b| b == byte).for_each(field);
    }
    let (mut start, mut at) = (0, 0);
    while at + separator.len() <= line.len() {
        if line[at..].starts_with(separator) {
            field(&line[start..at]);
            at += separator.len();
            start = at;
        } else {
            at += 1;
        }
    }
    field(&line[start..]);
}

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
            (true, [byte]) => {
                let csv = csv::ReaderBuilder::new()
                    .has_headers(false)
                    .flexible(true)
                    .delimiter(*byte)
                    .from_reader(open(path, meter)?);
                Records::Quoted { csv, count: 0 }
            }
            (_, bytes) => Records::Split {
                lines: Lines::open(path, meter)?,
                separator: bytes.to_vec(),
            },
        };
        let mut header = None;
        if dialect.header {
            let Some(line) = records.next(path, &mut record)? else {
                return Err(Error::data(path, None, "is empty; a header is needed"));
            };
            let names = record.iter().map(|f| values::text(f).map(str::to_owned));
            let names = names.collect::<std::result::Result<Vec<_>, _>>();
            header = Some(
                names
                    .map_err(|e| Error::data(path, Some(line), format!("header: {}", e.reason)))?,
            );
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

    /// The next record and its line from 1 (for Parquet, its row).
    pub fn next(&mut self) -> Result<Option<(u64, &ByteRecord)>> {
        let Some(line) = self.records.next(&self.path, &mut self.record)? else {
            return Ok(None);
        };
        Ok(Some((line, &self.record)))
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
pub(super) fn check_width(record: &ByteRecord, width: Option<usize>) -> LineResult<()> {
    match width {
        Some(width) if width != record.len() => {
            let found = record.len();
            Err(LineError::bare(format!(
                "the line has {found} fields, the header {width}"
            )))
        }
        _ => Ok(()),
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
        let outcome = check_width(record, width).and_then(|()| {
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
