//! Writing a data set in the canonical form, for other programs and for keeping.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder, write::GzEncoder};
use serde_json::{Map, Value};

use super::dataset::Dataset;
use super::import::canonical::COLUMNS;
use super::item::ItemText;
use crate::error::{Error, Result};
use crate::files;
use crate::interrupt;

/// Writes `interactions.tsv.gz` and `items.jsonl.gz` into `folder`. Importing them gives the data set back; equal data
/// give equal bytes.
///
/// # Errors
/// [`Error::Io`], and those of reading the data set.
pub fn export(data: &Dataset, folder: &Path) -> Result<()> {
    write(&folder.join("interactions.tsv.gz"), |out| {
        interactions(data, out)
    })?;
    write(&folder.join("items.jsonl.gz"), |out| {
        (0..data.items() as u32).try_for_each(|item| {
            let line = line_of(data.item(item)?);
            Ok(writeln!(out, "{line}")?)
        })
    })
}

/// Either side of an export can fail.
enum Failed {
    Write(std::io::Error),
    Read(Error),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

type Packed = GzEncoder<BufWriter<File>>;

fn write(
    path: &Path,
    fill: impl FnOnce(&mut Packed) -> std::result::Result<(), Failed>,
) -> Result<()> {
    files::replace(path, |new| {
        let inner = BufWriter::new(File::create(new).map_err(Error::io(new))?);
        // No name and no time in the header, so that equal data give equal bytes.
        let mut out = GzBuilder::new().write(inner, Compression::best());
        fill(&mut out).map_err(|failed| match failed {
            Failed::Write(e) => Error::io(path)(e),
            Failed::Read(e) => e,
        })?;
        out.finish()
            .and_then(|mut inner| inner.flush())
            .map_err(Error::io(path))
    })
}

fn interactions(data: &Dataset, out: &mut impl Write) -> std::result::Result<(), Failed> {
    writeln!(
        out,
        "{}",
        COLUMNS[..if data.has_times() { 4 } else { 3 }].join("\t")
    )?;
    let ids = (0..data.items() as u32)
        .map(|i| data.item_id(i))
        .collect::<Result<Vec<_>>>()?;
    for user in 0..data.users() as u32 {
        interrupt::check()?;
        let (id, rows) = (data.user_id(user)?, data.user(user)?);
        for (at, item) in rows.items.iter().enumerate() {
            write!(out, "{id}\t{}\t", ids[*item as usize])?;
            if let Some(rating) = rows.ratings.as_ref().map(|r| r[at]).filter(|r| !r.is_nan()) {
                write!(out, "{rating}")?;
            }
            match &rows.times {
                Some(times) => writeln!(out, "\t{}", times[at])?,
                None => writeln!(out)?,
            }
        }
    }
    Ok(())
}

fn line_of(item: ItemText) -> Value {
    let mut line = Map::new();
    line.insert("item_id".to_owned(), item.id.into());
    line.extend(item.title.map(|title| ("title".to_owned(), title.into())));
    line.extend(item.year.map(|year| ("year".to_owned(), year.into())));
    if !item.categories.is_empty() {
        line.insert("categories".to_owned(), item.categories.into());
    }
    line.extend(item.fields);
    Value::Object(line)
}
