//! Amazon reviews (McAuley lab): the releases of 2014, 2018 and 2023, reviews and metadata as JSON lines.
//!
//! The field names differ: `reviewerID`, `asin`, `overall`, `unixReviewTime` in 2014 and 2018; `user_id`, `parent_asin`,
//! `rating` and `timestamp` in milliseconds in 2023. The metadata of 2014 are Python literals instead of JSON.

use std::borrow::Cow;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::bad::{LineError, LineResult};
use super::catalogue::{flatten, is_empty, object_of};
use super::python_literal;
use super::reader::Lines;
use super::rows::Row;
use super::values::{TimeUnit, clean, time};
use super::{Job, Texts};
use crate::data::ItemText;
use crate::error::Result;

#[derive(Deserialize)]
struct Review<'a> {
    #[serde(borrow, rename = "reviewerID")]
    reviewer: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    asin: Option<Cow<'a, str>>,
    #[serde(borrow)]
    parent_asin: Option<Cow<'a, str>>,
    overall: Option<f32>,
    rating: Option<f32>,
    #[serde(rename = "unixReviewTime")]
    seconds: Option<i64>,
    #[serde(rename = "timestamp")]
    milliseconds: Option<i64>,
}

/// Reads a file of reviews.
pub(super) fn interactions(job: &mut Job, path: &Path) -> Result<()> {
    let mut lines = Lines::open(path, &job.meter)?;
    while let Some((number, line)) = lines.next()? {
        let outcome = if python_literal::begins(line) {
            python_literal::to_json(line).and_then(|json| push(job, json.as_bytes()))
        } else {
            push(job, line)
        };
        job.bad.note(path, number, outcome)?;
    }
    Ok(())
}

fn push(job: &mut Job, line: &[u8]) -> LineResult<()> {
    let review: Review<'_> = serde_json::from_slice(line)
        .map_err(|e| LineError::new("the line is no review in JSON", &e.to_string()))?;
    let missing = |what: &str| LineError::bare(format!("{what} is missing"));
    let user = review
        .reviewer
        .or(review.user_id)
        .ok_or_else(|| missing("`reviewerID` or `user_id`"))?;
    let item = review
        .parent_asin
        .or(review.asin)
        .ok_or_else(|| missing("`asin` or `parent_asin`"))?;
    let time = match (review.seconds, review.milliseconds) {
        (Some(seconds), _) => time(&seconds.to_string(), TimeUnit::Seconds)?,
        (None, Some(ms)) => time(&ms.to_string(), TimeUnit::Milliseconds)?,
        (None, None) => return Err(missing("`unixReviewTime` or `timestamp`")),
    };
    let rating = review.overall.or(review.rating);
    job.rows.push(&Row {
        user: user.trim(),
        item: item.trim(),
        rating,
        time: Some(time),
    })
}

/// Reads a file of metadata.
pub(super) fn items(texts: &mut Texts<'_>, path: &Path) -> Result<()> {
    let mut lines = Lines::open(path, &texts.meter)?;
    while let Some((number, line)) = lines.next()? {
        let object = if python_literal::begins(line) {
            python_literal::to_json(line).and_then(|json| object_of(json.as_bytes()))
        } else {
            object_of(line)
        };
        let wanted = |id: &str| texts.catalogue.wants(id);
        match object.and_then(|object| product(object, wanted)) {
            Ok(Some(item)) => texts.catalogue.put(item),
            Ok(None) => {}
            Err(error) => texts.bad.note(path, number, Err(error))?,
        }
    }
    Ok(())
}

/// Makes an item of a metadata record, if it is wanted.
fn product(
    mut object: Map<String, Value>,
    wanted: impl Fn(&str) -> bool,
) -> LineResult<Option<ItemText>> {
    let id = ["parent_asin", "asin"]
        .iter()
        .find_map(|key| object.get(*key)?.as_str());
    let id = id
        .ok_or_else(|| LineError::bare("`asin` or `parent_asin` is missing"))?
        .trim()
        .to_owned();
    if !wanted(&id) {
        return Ok(None);
    }
    let mut item = ItemText::unknown(id);
    let mut take = |names: &[&str]| {
        names
            .iter()
            .filter_map(|name| object.shift_remove(*name))
            .find(|value| !is_empty(value))
    };
    item.title = take(&["title"])
        .as_ref()
        .and_then(Value::as_str)
        .map(clean)
        .filter(|t| !t.is_empty());
    if let Some(categories) = take(&["categories", "category"]) {
        // A category may hold any character, so only lists part them.
        flatten(&categories, "\0", &mut item.categories);
    }
    for (name, names) in [
        ("main_category", &["main_category", "main_cat"][..]),
        ("brand", &["brand", "store"]),
        ("price", &["price"]),
        ("features", &["features", "feature"]),
        ("description", &["description"]),
        ("details", &["details"]),
    ] {
        if let Some(value) = take(names).map(cleaned).filter(|v| !is_empty(v)) {
            item.fields.insert(name.to_owned(), value);
        }
    }
    Ok(Some(item))
}

fn cleaned(value: Value) -> Value {
    match value {
        Value::String(text) => clean(&text).into(),
        Value::Array(values) => values
            .into_iter()
            .map(cleaned)
            .filter(|v| !is_empty(v))
            .collect(),
        other => other,
    }
}
