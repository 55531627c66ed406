//! The canonical form: `interactions.tsv` with a header and `items.jsonl`; also item files of any table.

use std::path::Path;

use serde_json::{Map, Value};

use super::Texts;
use super::catalogue::{Roles, is_json_lines, item_of, object_of};
use super::dialect::{Dialect, dialect, is_parquet};
use super::parquet_rows::ParquetRows;
use super::reader::Lines;
use super::spec::{Column, TextColumns};
use super::table::{self, Layout, Table};
use super::values;
use crate::error::{Error, Result};

/// Names of the columns of `interactions.tsv`.
pub(in crate::data) const COLUMNS: [&str; 4] = ["user_id", "item_id", "rating", "timestamp"];

/// The layout of `interactions.tsv`; rating and time may be absent.
pub(super) fn layout() -> Layout {
    Layout {
        lenient: true,
        ..Layout::named(Dialect::new("\t", true), COLUMNS)
    }
}

/// Reads `items.jsonl`.
pub(super) fn items(texts: &mut Texts<'_>, path: &Path) -> Result<()> {
    json_lines(texts, path, &Roles::default())
}

/// Reads item text from JSON lines, Parquet, or a text table with a header.
pub(super) fn table_items(texts: &mut Texts<'_>, path: &Path, columns: &TextColumns) -> Result<()> {
    let name = |column: &Option<Column>, default: &'static str| match column {
        None => Ok(default.to_owned()),
        Some(Column::Name(name)) => Ok(name.clone()),
        Some(Column::Place(n)) => Err(Error::setting(
            "text",
            format!("column {n}: item files have a header; tell columns by name"),
        )),
    };
    let default = Roles::default();
    let (id, title) = (
        name(&columns.id, default.id)?,
        name(&columns.title, default.title)?,
    );
    let (year, categories) = (
        name(&columns.year, default.year)?,
        name(&columns.categories, default.categories)?,
    );
    let separator = columns
        .category_separator
        .as_deref()
        .unwrap_or(default.separator);
    let roles = Roles {
        id: &id,
        title: &title,
        year: &year,
        categories: &categories,
        separator,
    };
    if is_json_lines(path) {
        return json_lines(texts, path, &roles);
    }
    if is_parquet(path) {
        let mut rows = ParquetRows::open(path, None)?;
        while let Some((number, object)) = rows.next_object()? {
            let outcome = item_of(object, &roles).map(|item| texts.catalogue.put(item));
            texts.bad.note(path, number, outcome)?;
        }
        return Ok(());
    }
    let dialect = dialect(path, None, true, &texts.meter)?;
    let mut table = Table::open(path, &dialect, None, &texts.meter)?;
    let set = [
        &columns.id,
        &columns.title,
        &columns.year,
        &columns.categories,
    ];
    set.into_iter()
        .flatten()
        .try_for_each(|column| table.place(column).map(drop))?;
    table.place(&Column::Name(id.clone()))?;
    let header = table.header.clone().unwrap_or_default();
    while let Some((line, record)) = table.next()? {
        let whole = record.and_then(|r| table::check_width(r, Some(header.len())));
        let outcome = whole.and_then(|record| {
            let cells = header.iter().zip(record).map(|(name, cell)| {
                Ok((name.clone(), Value::String(values::text(cell)?.to_owned())))
            });
            item_of(
                cells.collect::<std::result::Result<Map<_, _>, _>>()?,
                &roles,
            )
        });
        texts
            .bad
            .note(path, line, outcome.map(|item| texts.catalogue.put(item)))?;
    }
    Ok(())
}

fn json_lines(texts: &mut Texts<'_>, path: &Path, roles: &Roles<'_>) -> Result<()> {
    let mut lines = Lines::open(path, &texts.meter)?;
    while let Some((number, line)) = lines.next()? {
        let item = object_of(line).and_then(|object| item_of(object, roles));
        texts
            .bad
            .note(path, number, item.map(|item| texts.catalogue.put(item)))?;
    }
    Ok(())
}
