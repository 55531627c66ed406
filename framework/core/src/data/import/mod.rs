//! Importing interactions, item text and item vectors from the formats of others.
//!
//! A new format is one file here, a variant of [`Format`], and a line in `read_interactions` and `read_items`.

mod amazon;
mod bad;
pub(super) mod canonical;
mod catalogue;
pub(super) mod detect;
mod dialect;
mod fields;
mod movielens;
mod npy;
mod parquet_rows;
mod python_literal;
mod reader;
mod recbole;
mod report;
mod rows;
mod spec;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod vectors;

use std::path::{Path, PathBuf};
use std::time::Instant;

use bad::Bad;
use catalogue::Catalogue;
use detect::Sources;
use reader::Meter;
use rows::Rows;
use table::Layout;

use super::store::store;
use crate::error::Result;

pub use bad::BadLines;
pub use report::ImportReport;
pub use rows::Dropped;
pub use spec::{Column, Columns, Duplicates, Filters, Format, ImportSpec, TextColumns};
pub use values::TimeUnit;
pub use vectors::{ItemVectors, VectorFile};

/// What the readers of interactions share.
struct Job {
    rows: Rows,
    bad: Bad,
    meter: Meter,
}

/// What the readers of item text share.
struct Texts<'a> {
    catalogue: Catalogue<'a>,
    bad: &'a mut Bad,
    meter: Meter,
}

/// Imports a source and stores it at `into`, a folder that is free or holds a stored data set.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) with file and line for bad input, [`Error::Setting`](crate::Error::Setting) for a
/// description that cannot be used or leaves nothing, [`Error::Io`](crate::Error::Io).
pub fn import(spec: &ImportSpec, into: &Path) -> Result<ImportReport> {
    spec.check(&spec.name)?;
    import_files(spec, &detect::sources(spec)?, into)
}

pub(super) fn import_files(
    spec: &ImportSpec,
    sources: &Sources,
    into: &Path,
) -> Result<ImportReport> {
    let started = Instant::now();
    let name = if spec.name.is_empty() {
        name_of(sources)
    } else {
        spec.name.clone()
    };
    let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |m| m.len());
    let mut job = Job {
        rows: Rows::new(spec.filters.clone()),
        bad: Bad {
            skip: spec.skip_bad,
            lines: Vec::new(),
        },
        meter: Meter::begin(&format!("import {name}"), sources.files().map(size).sum()),
    };
    for path in &sources.interactions {
        read_interactions(&mut job, path, sources.format, spec)?;
    }
    let Job {
        rows,
        mut bad,
        meter,
    } = job;
    let read = rows.read;
    let (mut contents, dropped) = rows.into_contents(&name, &sources.interactions)?;
    let catalogue = Catalogue::new(&mut contents.items, spec.text.fields.as_deref());
    let mut texts = Texts {
        catalogue,
        bad: &mut bad,
        meter,
    };
    for path in &sources.items {
        read_items(&mut texts, path, sources.format, spec)?;
    }
    if !sources.items.is_empty() {
        texts.catalogue.finish()?;
    }
    store(into, &contents)?;
    Ok(ImportReport {
        name,
        format: sources.format,
        files: sources.files().map(|p| p.display().to_string()).collect(),
        read,
        dropped,
        bad: bad.lines,
        users: contents.users.len(),
        items: contents.items.len(),
        interactions: contents.interactions.len(),
        items_with_text: contents.items.iter().filter(|i| i.has_text()).count(),
        has_times: contents.times.is_some(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

fn name_of(sources: &Sources) -> String {
    let first = sources
        .interactions
        .first()
        .map(PathBuf::as_path)
        .unwrap_or(Path::new("data"));
    let folder = first.parent().and_then(Path::file_name);
    folder
        .or(first.file_stem())
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn read_interactions(job: &mut Job, path: &Path, format: Format, spec: &ImportSpec) -> Result<()> {
    match format {
        Format::Canonical | Format::Auto => table::interactions(job, path, &canonical::layout()),
        Format::Movielens => movielens::interactions(job, path),
        Format::Recbole => recbole::interactions(job, path, &spec.columns),
        Format::Amazon => amazon::interactions(job, path),
        Format::Table => {
            let layout = Layout::mapped(&spec.columns, path, &job.meter)?;
            table::interactions(job, path, &layout)
        }
    }
}

fn read_items(texts: &mut Texts<'_>, path: &Path, format: Format, spec: &ImportSpec) -> Result<()> {
    match format {
        Format::Canonical | Format::Auto => canonical::items(texts, path),
        Format::Movielens => movielens::items(texts, path),
        Format::Recbole => recbole::items(texts, path),
        Format::Amazon => amazon::items(texts, path),
        Format::Table => canonical::table_items(texts, path, &spec.text),
    }
}
