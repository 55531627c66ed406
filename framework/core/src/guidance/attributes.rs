//! Attribute sets: `configs/attributes/*.toml`.

use std::path::Path;

use lapidary_sdk::kinds::{Attribute, AttributeSet};
use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, Result};
use crate::toml_file::{self, Problem, Whole};

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

/// Reads an attribute set.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read; [`Error::Setting`] that tells all problems with their lines when it is not
/// TOML, a key is missing or unknown, a text is empty, a name is bad or used twice, or a phrase stands twice.
pub fn load(path: &Path) -> Result<AttributeSet> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    parse(&text).map_err(|problems| toml_file::refuse(path, &text, &problems))
}

pub(super) fn parse(text: &str) -> std::result::Result<AttributeSet, Vec<Problem>> {
    let set: Set = toml_file::parse(text, problems)?;
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

/// All that is wrong with a set, in the order of the file.
fn problems(set: &Set, whole: Whole) -> Vec<Problem> {
    let mut found = Vec::from_iter(of_name("domain", &set.domain));
    found.extend(of_texts([
        ("item", &set.item),
        ("items", &set.items),
        ("verb", &set.verb),
    ]));
    if whole && set.attributes.get_ref().is_empty() {
        let reason = "`attributes` is empty; write at least one `[[attributes]]`";
        found.push(Problem::new(set.attributes.span(), reason));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut phrases: Vec<&str> = Vec::new();
    for entry in set.attributes.get_ref() {
        let name = of_name("name", &entry.name);
        found.extend(name.or_else(|| repeated("attribute", &entry.name, &mut names)));
        found.extend(of_texts([
            ("description", &entry.description),
            ("low", &entry.low),
            ("high", &entry.high),
        ]));
        if entry.phrases.get_ref().is_empty() {
            let reason = format!(
                "`{}` has no phrases; give at least one",
                entry.name.get_ref()
            );
            found.push(Problem::new(entry.phrases.span(), reason));
        }
        for phrase in entry.phrases.get_ref() {
            let text = of_text("phrases", phrase);
            found.extend(text.or_else(|| repeated("phrase", phrase, &mut phrases)));
        }
    }
    found
}

fn of_name(key: &str, name: &Spanned<String>) -> Option<Problem> {
    let text = name.get_ref();
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(good) {
        return None;
    }
    let reason = format!(
        "`{key}`: `{text}` is no name; use lowercase letters, digits and `_`, a letter first"
    );
    Some(Problem::new(name.span(), reason))
}

fn of_texts<const N: usize>(texts: [(&str, &Spanned<String>); N]) -> impl Iterator<Item = Problem> {
    texts
        .into_iter()
        .filter_map(|(key, text)| of_text(key, text))
}

fn of_text(key: &str, value: &Spanned<String>) -> Option<Problem> {
    let text = value.get_ref();
    let reason = if text.trim().is_empty() {
        "is empty"
    } else if text.trim() != text {
        "begins or ends with a space"
    } else if text.chars().any(char::is_control) {
        "holds a line break or another control character"
    } else {
        return None;
    };
    Some(Problem::new(
        value.span(),
        format!("`{key}`: {text:?} {reason}"),
    ))
}

fn repeated<'a>(
    what: &str,
    value: &'a Spanned<String>,
    seen: &mut Vec<&'a str>,
) -> Option<Problem> {
    let text = value.get_ref().as_str();
    if seen.contains(&text) {
        let reason = format!("{what} `{text}` stands here a second time");
        return Some(Problem::new(value.span(), reason));
    }
    seen.push(text);
    None
}

#[cfg(test)]
#[path = "attributes_test.rs"]
mod tests;
