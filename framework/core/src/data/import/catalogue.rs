//! Item text on its way to the items that are kept.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde_json::{Map, Value};

use super::bad::{LineError, LineResult};
use super::values::{self, clean};
use crate::data::ItemText;
use crate::error::{Error, Result};

/// The items that are kept, waiting for their text.
pub(super) struct Catalogue<'a> {
    places: HashMap<String, usize>,
    items: &'a mut Vec<ItemText>,
    filled: Vec<bool>,
    wanted: Option<&'a [String]>,
    seen: BTreeSet<String>,
}

impl<'a> Catalogue<'a> {
    /// Waits for the text of `items`; of further fields only those `wanted` are kept, all without it.
    pub fn new(items: &'a mut Vec<ItemText>, wanted: Option<&'a [String]>) -> Self {
        let places = items
            .iter()
            .enumerate()
            .map(|(at, item)| (item.id.clone(), at))
            .collect();
        Self {
            places,
            filled: vec![false; items.len()],
            items,
            wanted,
            seen: BTreeSet::new(),
        }
    }

    /// Whether text of the item is still wanted.
    pub fn wants(&self, id: &str) -> bool {
        self.places.get(id).is_some_and(|at| !self.filled[*at])
    }

    /// Takes the text of an item; the first text of an item stays.
    pub fn put(&mut self, mut item: ItemText) {
        let Some(at) = self
            .places
            .get(&item.id)
            .copied()
            .filter(|at| !self.filled[*at])
        else {
            return;
        };
        if let Some(wanted) = self.wanted {
            self.seen.extend(item.fields.keys().cloned());
            item.fields.retain(|name, _| wanted.contains(name));
        }
        self.filled[at] = true;
        self.items[at] = item;
    }

    /// Checks that every field asked for was met.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest fields of the source.
    pub fn finish(self) -> Result<()> {
        match self
            .wanted
            .unwrap_or_default()
            .iter()
            .find(|f| !self.seen.contains(*f))
        {
            Some(field) => Err(Error::unknown(
                "item field (text.fields)",
                field,
                &self.seen,
            )),
            None => Ok(()),
        }
    }
}

/// The names under which an object holds the parts of an item.
pub(super) struct Roles<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub year: &'a str,
    pub categories: &'a str,
    /// Between two categories of one text.
    pub separator: &'a str,
}

impl Default for Roles<'_> {
    fn default() -> Self {
        Self {
            id: "item_id",
            title: "title",
            year: "year",
            categories: "categories",
            separator: "|",
        }
    }
}

/// Makes an item of a JSON object; what has no role stays as a field.
pub(super) fn item_of(mut object: Map<String, Value>, roles: &Roles<'_>) -> LineResult<ItemText> {
    let id = match object.shift_remove(roles.id) {
        Some(Value::String(id)) => id.trim().to_owned(),
        Some(Value::Number(id)) => id.to_string(),
        _ => {
            return Err(LineError::bare(format!(
                "the item's identifier `{}` is missing",
                roles.id
            )));
        }
    };
    let mut item = ItemText::unknown(id);
    item.title = match object.shift_remove(roles.title) {
        Some(Value::String(title)) => Some(clean(&title)).filter(|t| !t.is_empty()),
        Some(Value::Number(title)) => Some(title.to_string()),
        _ => None,
    };
    if let Some(value) = object.shift_remove(roles.year) {
        let found = match &value {
            Value::String(text) => values::year(text),
            other => values::year(&other.to_string()),
        };
        match found {
            Some(year) => item.year = Some(year),
            None => drop(object.insert(roles.year.to_owned(), value)),
        }
    }
    if let Some(value) = object.shift_remove(roles.categories) {
        flatten(&value, roles.separator, &mut item.categories);
    }
    object.retain(|_, value| !is_empty(value));
    item.fields = object;
    Ok(item)
}

/// Collects the texts of nested lists, each once.
pub(super) fn flatten(value: &Value, separator: &str, into: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|v| flatten(v, separator, into)),
        Value::String(text) => {
            for part in text.split(separator).map(clean) {
                if !part.is_empty() && !into.contains(&part) {
                    into.push(part);
                }
            }
        }
        _ => {}
    }
}

/// Whether a value says nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// An object of a line of JSON.
pub(super) fn object_of(line: &[u8]) -> LineResult<Map<String, Value>> {
    serde_json::from_slice(line)
        .map_err(|e| LineError::new("the line is no JSON object", &e.to_string()))
}

/// Whether a file holds lines of JSON, by its name.
pub(super) fn is_json_lines(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(".gz");
    [".jsonl", ".json", ".ndjson"]
        .iter()
        .any(|end| name.ends_with(end))
}
