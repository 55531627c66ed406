//! Attribute sets: `configs/attributes/*.toml`.

use std::ops::Range;
use std::path::Path;

use lapidary_sdk::kinds::{Attribute, AttributeSet};
use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, Result};
use crate::settings::explain;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    domain: Spanned<String>,
    item: Spanned<String>,
    items: Spanned<String>,
    verb: Spanned<String>,
    attributes: Spanned<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    description: Spanned<String>,
    low: Spanned<String>,
    high: Spanned<String>,
    phrases: Spanned<Vec<Spanned<String>>>,
}

/// A problem and where in the text it stands.
pub(super) type Problem = (Range<usize>, String);

pub(super) type Checked<T> = std::result::Result<T, Problem>;

/// Reads an attribute set.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read; [`Error::Data`] with the line when it is not TOML, a key is missing or
/// unknown, a text is empty, a name is bad or used twice, or a phrase stands twice.
pub fn load(path: &Path) -> Result<AttributeSet> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    parse(&text).map_err(|(span, reason)| {
        let before = text.get(..span.start).unwrap_or(&text);
        let line = before.matches('\n').count() as u64 + 1;
        Error::data(path, Some(line), reason)
    })
}

pub(super) fn parse(text: &str) -> Checked<AttributeSet> {
    let set: Set =
        toml::from_str(text).map_err(|e| (e.span().unwrap_or_default(), explain(e.message())))?;
    check_all(&set)?;
    let attribute = |entry: Entry| Attribute {
        name: entry.name.into_inner(),
        description: entry.description.into_inner(),
        low: entry.low.into_inner(),
        high: entry.high.into_inner(),
        phrases: texts(entry.phrases.into_inner()),
    };
    Ok(AttributeSet {
        domain: set.domain.into_inner(),
        item: set.item.into_inner(),
        items: set.items.into_inner(),
        verb: set.verb.into_inner(),
        attributes: set
            .attributes
            .into_inner()
            .into_iter()
            .map(attribute)
            .collect(),
    })
}

fn texts(spanned: Vec<Spanned<String>>) -> Vec<String> {
    spanned.into_iter().map(Spanned::into_inner).collect()
}

fn check_all(set: &Set) -> Checked<()> {
    check_name("domain", &set.domain)?;
    for (key, value) in [
        ("item", &set.item),
        ("items", &set.items),
        ("verb", &set.verb),
    ] {
        check_text(key, value)?;
    }
    if set.attributes.get_ref().is_empty() {
        return Err((
            set.attributes.span(),
            "`attributes` is empty; write at least one `[[attributes]]`".to_owned(),
        ));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut phrases: Vec<&str> = Vec::new();
    for entry in set.attributes.get_ref() {
        check_name("name", &entry.name)?;
        check_new("attribute", &entry.name, &mut names)?;
        for (key, value) in [
            ("description", &entry.description),
            ("low", &entry.low),
            ("high", &entry.high),
        ] {
            check_text(key, value)?;
        }
        if entry.phrases.get_ref().is_empty() {
            let reason = format!(
                "`{}` has no phrases; give at least one",
                entry.name.get_ref()
            );
            return Err((entry.phrases.span(), reason));
        }
        for phrase in entry.phrases.get_ref() {
            check_text("phrases", phrase)?;
            check_new("phrase", phrase, &mut phrases)?;
        }
    }
    Ok(())
}

fn check_name(key: &str, name: &Spanned<String>) -> Checked<()> {
    let text = name.get_ref();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(good) {
        return Ok(());
    }
    let reason = format!(
        "`{key}`: `{text}` is no name; use lowercase letters, digits and `_`, a letter first"
    );
    Err((name.span(), reason))
}

fn check_text(key: &str, value: &Spanned<String>) -> Checked<()> {
    let text = value.get_ref();
    let reason = if text.trim().is_empty() {
        "is empty"
    } else if text.trim() != text {
        "begins or ends with a space"
    } else if text.chars().any(char::is_control) {
        "holds a line break or another control character"
    } else {
        return Ok(());
    };
    Err((value.span(), format!("`{key}`: {text:?} {reason}")))
}

fn check_new<'a>(what: &str, value: &'a Spanned<String>, seen: &mut Vec<&'a str>) -> Checked<()> {
    let text = value.get_ref().as_str();
    if seen.contains(&text) {
        return Err((
            value.span(),
            format!("{what} `{text}` stands here a second time"),
        ));
    }
    seen.push(text);
    Ok(())
}

#[cfg(test)]
#[path = "attributes_test.rs"]
mod tests;
