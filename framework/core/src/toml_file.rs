//! Settings from TOML files: all problems of a file at once, each with its line, the text there and the nearest known name.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::error::{Error, Result};
use crate::settings::explain;

/// Of a longer line the beginning is shown.
const SHOWN: usize = 120;

/// What cannot be used in a file, and where in its text that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the text; none where it is about the file as a whole.
    pub at: Option<Range<usize>>,
    /// What is wrong and what is needed.
    pub reason: String,
}

impl Problem {
    /// A problem of that part of the text.
    pub fn new(at: Range<usize>, reason: impl Into<String>) -> Self {
        Self {
            at: Some(at),
            reason: reason.into(),
        }
    }

    /// A problem of the value under a key such as `filters.until`, of the whole file where the key is not there.
    pub fn of_key(text: &str, key: &str, reason: &str) -> Self {
        Self {
            at: place_of(text, key),
            reason: format!("`{key}`: {reason}"),
        }
    }
}

/// Reads a TOML file into a type that refuses unknown keys.
///
/// # Errors
/// [`Error::Io`]; [`Error::Setting`] that tells all problems.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    read_checked(path, |_, _, _| Vec::new())
}

/// As [`read`]; `check` tells what else cannot be used, as in [`parse`].
///
/// # Errors
/// As [`read`].
pub fn read_checked<T: DeserializeOwned>(
    path: &Path,
    check: impl FnOnce(&str, &T, Whole) -> Vec<Problem>,
) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    parse(&text, |read, whole| check(&text, read, whole))
        .map_err(|problems| refuse(path, &text, &problems))
}

/// Whether a file was read as it stands, so that what is missing is not there; else keys were taken out of it.
pub type Whole = bool;

/// Reads a TOML text, or tells all problems in their order in it. A key that cannot be used, or a table that lacks one, is
/// taken out and the rest read again. `check` is given what was read, and tells what else cannot be used.
///
/// # Errors
/// The problems; there is at least one.
pub fn parse<T: DeserializeOwned>(
    text: &str,
    check: impl FnOnce(&T, Whole) -> Vec<Problem>,
) -> std::result::Result<T, Vec<Problem>> {
    let (mut table, broken) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem> = broken.iter().map(problem).collect();
    while broken.is_empty() {
        match T::deserialize(toml::Deserializer::from(table.clone())) {
            Ok(read) => {
                problems.extend(check(&read, problems.is_empty()));
                if problems.is_empty() {
                    return Ok(read);
                }
                break;
            }
            Err(error) => {
                let missing = error.message().starts_with("missing field");
                if !missing || !is_explained(text, &error, &problems) {
                    problems.push(problem(&error));
                }
                let take = if missing { take_out_table } else { take_out };
                if !error.span().is_some_and(|at| take(table.get_mut(), &at)) {
                    break;
                }
            }
        }
    }
    problems.sort_by_key(|problem| problem.at.as_ref().map(|at| at.start));
    Err(problems)
}

/// Whether a key that is missing may be one that was taken out of the same table, or the right name of it.
fn is_explained(text: &str, missing: &toml::de::Error, problems: &[Problem]) -> bool {
    let Some(table) = missing.span() else {
        return !problems.is_empty();
    };
    let places = problems.iter().filter_map(|problem| problem.at.as_ref());
    let mut below = places.filter(|at| at.start >= table.start);
    // A table's place is its header: it goes on to the next one.
    below.any(|at| {
        let between = text.get(table.end..at.start).unwrap_or_default();
        !between.contains("\n[")
    })
}

fn problem(error: &toml::de::Error) -> Problem {
    Problem {
        at: error.span(),
        reason: explain(error.message()),
    }
}

/// Takes the innermost key out of a table that the place lies in, with its value.
fn take_out(table: &mut DeTable<'_>, at: &Range<usize>) -> bool {
    if table.iter_mut().any(|(_, value)| within(value, at)) {
        return true;
    }
    let covers = |span: Range<usize>| span.start <= at.start && at.end <= span.end;
    let key = table
        .iter()
        .find(|(key, value)| covers(key.span()) || covers(value.span()))
        .map(|(key, _)| key.clone());
    key.is_some_and(|key| table.remove(&key).is_some())
}

fn within(value: &mut Spanned<DeValue<'_>>, at: &Range<usize>) -> bool {
    match value.get_mut() {
        DeValue::Table(inner) => take_out(inner, at),
        DeValue::Array(values) => values.iter_mut().any(|value| within(value, at)),
        _ => false,
    }
}

/// Takes out the table that stands at that place: one of a list, whose first has the place of the list too, or a key's.
fn take_out_table(table: &mut DeTable<'_>, at: &Range<usize>) -> bool {
    let within = table.iter_mut().any(|(_, value)| match value.get_mut() {
        DeValue::Table(inner) => take_out_table(inner, at),
        DeValue::Array(values) => {
            let all = std::mem::replace(values, DeArray::new());
            let before = all.len();
            *values = all.into_iter().filter(|v| v.span() != *at).collect();
            values.len() < before
        }
        _ => false,
    });
    let key = table.iter().find(|(_, value)| value.span() == *at);
    let key = key.map(|(key, _)| key.clone()).filter(|_| !within);
    within || key.is_some_and(|key| table.remove(&key).is_some())
}

/// Where the value of a key such as `filters.until` stands.
fn place_of(text: &str, key: &str) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?.into_inner();
    let mut keys = key.split('.');
    let mut value = table.get(keys.next()?)?;
    for key in keys {
        value = value.get_ref().as_table()?.get(key)?;
    }
    Some(value.span())
}

/// The error that tells all problems of a file's text.
pub fn refuse(path: &Path, text: &str, problems: &[Problem]) -> Error {
    let file = path.display().to_string();
    match problems {
        [one] => {
            let (place, reason) = told(&file, text, one);
            Error::setting(place, reason)
        }
        many => {
            let mut list = format!("{} problems:", many.len());
            for (place, reason) in many.iter().map(|one| told(&file, text, one)) {
                // Writing to a String cannot fail.
                let _ = write!(list, "\n{place}: {reason}");
            }
            Error::setting(file, list)
        }
    }
}

/// A problem's place, and its reason with the line that it stands on.
fn told(file: &str, text: &str, problem: &Problem) -> (String, String) {
    let before = (problem.at.as_ref()).and_then(|at| text.get(..at.start));
    let Some(before) = before else {
        return (file.to_owned(), problem.reason.clone());
    };
    let number = before.matches('\n').count() + 1;
    let shown = shown_line(file, text, number);
    (
        format!("{file}:{number}"),
        format!("{}{shown}", problem.reason),
    )
}

/// A line of a file's text below a message, after the file's name and its number; nothing where there is none.
pub fn shown_line(file: &str, text: &str, number: usize) -> String {
    let name = Path::new(file).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let line = text.lines().nth(number.saturating_sub(1));
    match line.map(str::trim_end) {
        None | Some("") => String::new(),
        Some(line) => {
            let cut: String = line.chars().take(SHOWN).collect();
            let dots = if cut.len() < line.len() { "…" } else { "" };
            format!("\n  {name}:{number} | {cut}{dots}")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pie {
        #[allow(dead_code)]
        crust: Option<Crust>,
        #[allow(dead_code)]
        apples: Option<u32>,
        #[allow(dead_code)]
        oven: Option<Oven>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Crust {
        Thin,
        Thick,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Oven {
        #[allow(dead_code)]
        degrees: u32,
    }

    fn refused(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pie.toml");
        std::fs::write(&path, text).unwrap();
        let message = read::<Pie>(&path).unwrap_err().to_string();
        message.replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn messages_name_file_line_text_and_nearest() {
        assert_eq!(
            refused("\n# x\naples = 3"),
            "/pie.toml:3: unknown key `aples`; did you mean `apples`?\n  pie.toml:3 | aples = 3"
        );
        assert_eq!(
            refused("crust = 'thinn'"),
            "/pie.toml:1: unknown name `thinn`; did you mean `thin`, `thick`?\n  pie.toml:1 | crust = 'thinn'"
        );
        assert_eq!(
            refused("zz = 1"),
            "/pie.toml:1: unknown key `zz`; known: `apples`, `crust`, `oven`\n  pie.toml:1 | zz = 1"
        );
        assert_eq!(
            refused("apples = -1"),
            "/pie.toml:1: expected a whole number of at least 0, found -1\n  pie.toml:1 | apples = -1"
        );
        assert!(refused("apples = ").starts_with("/pie.toml:1: "));
    }

    #[test]
    fn all_problems_of_a_file_are_told_at_once() {
        let text = "aples = 3\napples = 'many'\n[oven]\ndegrees = -1\nligth = 1\n";
        assert_eq!(
            refused(text),
            "/pie.toml: 4 problems:
/pie.toml:1: unknown key `aples`; did you mean `apples`?
  pie.toml:1 | aples = 3
/pie.toml:2: expected a whole number of at least 0, found the text \"many\"
  pie.toml:2 | apples = 'many'
/pie.toml:4: expected a whole number of at least 0, found -1
  pie.toml:4 | degrees = -1
/pie.toml:5: unknown key `ligth`; known: `degrees`
  pie.toml:5 | ligth = 1"
        );
        assert_eq!(
            refused("apples = 1\n[oven]\n"),
            "/pie.toml:2: key `degrees` is missing\n  pie.toml:2 | [oven]"
        );
    }

    #[test]
    fn a_key_that_is_missing_hides_no_other_problem() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Kitchen {
            #[allow(dead_code)]
            ovens: Vec<Oven>,
        }
        let text = "[[ovens]]\ndegree = 1\n[[ovens]]\n[[ovens]]\ndegrees = -1\n[[ovens]]\ndegrees = 1\nligth = 2\n";
        let problems = parse::<Kitchen>(text, |_, _| Vec::new()).unwrap_err();
        let lines = problems.iter().map(|problem| {
            let before = &text[..problem.at.as_ref().unwrap().start];
            (before.matches('\n').count() + 1, problem.reason.as_str())
        });
        assert_eq!(
            lines.collect::<Vec<_>>(),
            [
                (2, "unknown key `degree`; did you mean `degrees`?"),
                (3, "key `degrees` is missing"),
                (5, "expected a whole number of at least 0, found -1"),
                (8, "unknown key `ligth`; known: `degrees`"),
            ]
        );
    }

    #[test]
    fn a_long_line_is_cut() {
        let line = shown_line("a/pie.toml", &"a".repeat(200), 1);
        assert_eq!(line.chars().count(), "\n  pie.toml:1 | ".len() + SHOWN + 1);
        assert_eq!(shown_line("pie.toml", "one\n", 7), "");
    }
}
