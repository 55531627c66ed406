//! RecBole's atomic files: `.inter` and `.item`, tab-separated, with a typed header such as `user_id:token`.

use std::path::Path;

use serde_json::Value;

use super::bad::{LineError, LineResult};
use super::dialect::Dialect;
use super::spec::{Column, Columns};
use super::table::{self, Layout, Table};
use super::values::{self, clean};
use super::{Job, Texts};
use crate::data::ItemText;
use crate::error::{Error, Result};

const TYPES: [&str; 4] = ["token", "token_seq", "float", "float_seq"];
const TITLES: [&str; 6] = [
    "title",
    "movie_title",
    "item_name",
    "name",
    "app_name",
    "product_name",
];
const YEARS: [&str; 2] = ["year", "release_year"];
const CATEGORIES: [&str; 5] = ["categories", "category", "class", "genre", "genres"];

/// Reads a `.inter` file.
pub(super) fn interactions(job: &mut Job, path: &Path, columns: &Columns) -> Result<()> {
    let dialect = Dialect::new("\t", true);
    let mut table = Table::open(path, &dialect, None, &job.meter)?;
    untyped(path, &mut table)?;
    let named =
        |column: &Option<Column>, default: &str| column.clone().unwrap_or_else(|| default.into());
    let header = table.header.as_deref().unwrap_or_default();
    let if_there = |column: &Option<Column>, default: &str| {
        let there = column.is_some() || header.iter().any(|name| name == default);
        there.then(|| named(column, default))
    };
    let layout = Layout {
        user: named(&columns.user, "user_id"),
        item: named(&columns.item, "item_id"),
        rating: if_there(&columns.rating, "rating"),
        time: if_there(&columns.time, "timestamp"),
        unit: columns.time_unit,
        lenient: false,
        dialect,
    };
    table::interactions_of(job, path, &layout, table)
}

/// Reads a `.item` file.
pub(super) fn items(texts: &mut Texts<'_>, path: &Path) -> Result<()> {
    let mut table = Table::open(path, &Dialect::new("\t", true), None, &texts.meter)?;
    let types = untyped(path, &mut table)?;
    let names = table.header.clone().unwrap_or_default();
    table.place(&"item_id".into())?;
    while let Some((line, record)) = table.next()? {
        let whole = record.and_then(|r| table::check_width(r, Some(names.len())));
        let outcome = whole.and_then(|record| {
            let mut item = ItemText::default();
            for ((name, kind), cell) in names.iter().zip(&types).zip(record) {
                set(&mut item, name, kind, values::text(cell)?)?;
            }
            Ok(item)
        });
        texts
            .bad
            .note(path, line, outcome.map(|item| texts.catalogue.put(item)))?;
    }
    Ok(())
}

/// Takes the types out of the header and returns them.
fn untyped(path: &Path, table: &mut Table) -> Result<Vec<String>> {
    let mut types = Vec::new();
    for name in table.header.iter_mut().flatten() {
        let parts = name
            .rsplit_once(':')
            .filter(|(_, kind)| TYPES.contains(kind));
        let Some((plain, kind)) = parts else {
            let reason = format!(
                "the header's `{name}` has no type such as `user_id:token`; types: {}",
                TYPES.join(", ")
            );
            return Err(Error::data(path, Some(1), reason));
        };
        types.push(kind.to_owned());
        *name = plain.to_owned();
    }
    Ok(types)
}

fn set(item: &mut ItemText, name: &str, kind: &str, cell: &str) -> LineResult<()> {
    if name == "item_id" {
        item.id = cell.to_owned();
        return if cell.is_empty() {
            Err(LineError::bare("the item's identifier is missing"))
        } else {
            Ok(())
        };
    }
    if cell.is_empty() {
        return Ok(());
    }
    if TITLES.contains(&name) && item.title.is_none() {
        item.title = Some(clean(cell));
        return Ok(());
    }
    if CATEGORIES.contains(&name) {
        match kind {
            "token_seq" => item.categories.extend(sequence(cell)),
            _ => item.categories.push(clean(cell)),
        }
        return Ok(());
    }
    if let (true, Some(year)) = (YEARS.contains(&name), values::year(cell)) {
        item.year = Some(year);
        return Ok(());
    }
    let number = |text: &str| {
        text.parse::<f64>()
            .map(Value::from)
            .map_err(|_| LineError::new(format!("`{name}` is not a number"), text))
    };
    let value = match kind {
        "float" => number(cell)?,
        "float_seq" => cell
            .split_whitespace()
            .map(number)
            .collect::<std::result::Result<Value, _>>()?,
        _ => clean(cell).into(),
    };
    item.fields.insert(name.to_owned(), value);
    Ok(())
}

/// The parts of a `token_seq`: quoted ones, as in `'Video Games', 'PC'`, or those between spaces.
fn sequence(cell: &str) -> Vec<String> {
    let inside = cell.trim_start_matches('[').trim_end_matches(']');
    let parts: Vec<&str> =
        if inside.contains("', '") || inside.starts_with('\'') && inside.ends_with('\'') {
            inside.trim_matches('\'').split("', '").collect()
        } else if cell.contains('|') {
            cell.split('|').collect()
        } else {
            cell.split_whitespace().collect()
        };
    parts
        .into_iter()
        .map(clean)
        .filter(|p| !p.is_empty())
        .collect()
}
