//! Settings given as JSON, from scripts above all: what is missing keeps its default, all problems are told at once.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::{mistakes, suggest};

/// Reads settings from an object; null and an empty list count as no settings. `place` names the source in messages.
///
/// # Errors
/// [`Error::Setting`] that lists every key that is unknown, with the nearest known ones, and every value that cannot be
/// used.
pub fn read<S>(given: Value, place: &str) -> Result<S>
where
    S: Default + Serialize + DeserializeOwned,
{
    read_checked(given, place, |_| Vec::new())
}

/// A key whose value is out of its range, and the range in words.
pub type OutOfRange = (&'static str, &'static str);

/// As [`read`]; `problems` tells which values are out of range.
///
/// # Errors
/// As [`read`].
pub fn read_checked<S>(
    given: Value,
    place: &str,
    problems: impl FnOnce(&S) -> Vec<OutOfRange>,
) -> Result<S>
where
    S: Default + Serialize + DeserializeOwned,
{
    let given = object(given).map_err(|reason| Error::setting(place, reason))?;
    let wrong = |e: serde_json::Error| Error::setting(place, explain(&e.to_string()));
    let mut all = match serde_json::to_value(S::default()).map_err(wrong)? {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    };
    let mut known: Vec<String> = all.keys().cloned().collect();
    known.sort();
    let mut found = Vec::new();
    let defaults = all.clone();
    for (key, value) in given {
        if !known.contains(&key) {
            found.push(unknown_key(&key, &known));
            continue;
        }
        let mut alone = defaults.clone();
        alone.insert(key.clone(), value.clone());
        match serde_json::from_value::<S>(Value::Object(alone)) {
            Ok(_) => drop(all.insert(key, value)),
            Err(e) => found.push(format!("`{key}`: {}", explain(&e.to_string()))),
        }
    }
    let settings: S = serde_json::from_value(Value::Object(all)).map_err(wrong)?;
    let problems = problems(&settings);
    let usable = problems.is_empty();
    found.extend(lines(&settings, problems));
    refuse(place, &found).or_else(mistakes::note)?;
    Ok(if usable { settings } else { S::default() })
}

/// Refuses settings whose values are out of their ranges.
///
/// # Errors
/// [`Error::Setting`] that lists all of them.
pub fn check(settings: &impl Serialize, problems: Vec<OutOfRange>, place: &str) -> Result<()> {
    refuse(place, &lines(settings, problems))
}

/// Those of some keys whose values are not good, each given with the range in words.
pub fn out_of_range<const N: usize>(
    ranges: [(&'static str, bool, &'static str); N],
) -> Vec<OutOfRange> {
    let wrong = ranges.into_iter().filter(|(_, good, _)| !good);
    wrong.map(|(key, _, range)| (key, range)).collect()
}

fn lines(settings: &impl Serialize, problems: Vec<OutOfRange>) -> Vec<String> {
    let values = match problems.is_empty() {
        true => Value::Null,
        false => serde_json::to_value(settings).unwrap_or_default(),
    };
    let line = |(key, range): OutOfRange| {
        let found = values.get(key).filter(|value| !value.is_null());
        let found = found.map(|value| format!(", found {}", name(value)));
        format!("`{key}`: must be {range}{}", found.unwrap_or_default())
    };
    problems.into_iter().map(line).collect()
}

/// The keys of a table of settings; null and an empty list have none.
pub(crate) fn object(given: Value) -> std::result::Result<Map<String, Value>, String> {
    match given {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        Value::Array(items) if items.is_empty() => Ok(Map::new()),
        other => Err(format!(
            "settings are a table of names and values, not {}",
            name(&other)
        )),
    }
}

/// An error that lists the problems, if there are any.
pub(crate) fn refuse(place: &str, problems: &[String]) -> Result<()> {
    match problems {
        [] => Ok(()),
        [one] => Err(Error::setting(place, one.as_str())),
        many => {
            let list: String = many.iter().map(|p| format!("\n  {p}")).collect();
            let reason = format!("{} settings cannot be used:{list}", many.len());
            Err(Error::setting(place, reason))
        }
    }
}

pub(crate) fn unknown_key(key: &str, known: &[String]) -> String {
    let near = suggest::nearest(key, known);
    format!("unknown key `{key}`{}", suggest::phrase(&near, known))
}

/// A value in messages.
pub(crate) fn name(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("the text `{text}`"),
        Value::Array(list) if list.is_empty() => "an empty list".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// Says what serde says in words of this program, with the nearest of the names that are allowed.
pub fn explain(message: &str) -> String {
    nearest_name(message)
        .or_else(|| other_type(message))
        .or_else(|| {
            let key = message.strip_prefix("missing field ")?;
            Some(format!("key {key} is missing"))
        })
        .unwrap_or_else(|| message.trim().replace('\n', "; "))
}

/// `unknown field ..., expected one of ...`.
fn nearest_name(message: &str) -> Option<String> {
    let (what, rest) = message.strip_prefix("unknown ")?.split_once(" `")?;
    // What Lapidary says itself names those that are known already.
    let (name, rest) = rest
        .split_once("`, ")
        .filter(|(name, _)| !name.contains('`'))?;
    let mut known: Vec<String> = rest
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    known.sort();
    let what = if what == "field" { "key" } else { "name" };
    let near = suggest::nearest(name, &known);
    Some(format!(
        "unknown {what} `{name}`{}",
        suggest::phrase(&near, &known)
    ))
}

/// `invalid type: ..., expected ...`, and the same of a value.
fn other_type(message: &str) -> Option<String> {
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    let expected = match expected.trim() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "a borrowed string" => "a text",
        "a sequence" => "a list",
        other if other.starts_with("string") => "a text",
        other => other,
    };
    let found = match found.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some((_, value)) if value.contains('`') => value
            .split('`')
            .nth(1)
            .map_or_else(|| found.to_owned(), str::to_owned),
        _ => match found {
            "map" => "a table".to_owned(),
            "sequence" => "a list".to_owned(),
            "null" => "nothing".to_owned(),
            other => other.to_owned(),
        },
    };
    Some(format!("expected {expected}, found {found}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Pie {
        crust: Crust,
        apples: u32,
        sugar: Option<f64>,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Crust {
        #[default]
        Thin,
        Thick,
    }

    #[test]
    fn what_is_missing_keeps_its_default() {
        let pie: Pie = read(json!({"apples": 3}), "pie").unwrap();
        assert_eq!(pie.apples, 3);
        assert_eq!(read::<Pie>(json!([]), "pie").unwrap(), Pie::default());
    }

    #[test]
    fn what_does_not_fit_is_told_beside_what_is_unknown() {
        let given = json!({"aples": 1, "apples": 0, "sugar": 2});
        let problems = |pie: &Pie| {
            out_of_range([
                ("apples", pie.apples >= 1, "at least 1"),
                ("sugar", pie.sugar.is_none_or(|s| s <= 1.0), "at most 1"),
            ])
        };
        let message = read_checked(given, "pie", problems)
            .unwrap_err()
            .to_string();
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(
            lines,
            [
                "pie: 3 settings cannot be used:",
                "  unknown key `aples`; did you mean `apples`?",
                "  `apples`: must be at least 1, found 0",
                "  `sugar`: must be at most 1, found 2.0",
            ]
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let given = json!({"aples": 1, "apples": -1, "crust": "thikc", "sugar": "much"});
        let message = read::<Pie>(given, "pie").unwrap_err().to_string();
        let lines: Vec<&str> = message.lines().collect();
        assert_eq!(
            lines,
            [
                "pie: 4 settings cannot be used:",
                "  unknown key `aples`; did you mean `apples`?",
                "  `apples`: expected a whole number of at least 0, found -1",
                "  `crust`: unknown name `thikc`; did you mean `thick`, `thin`?",
                "  `sugar`: expected a number, found the text \"much\"",
            ]
        );
        let message = read::<Pie>(json!(7), "pie").unwrap_err().to_string();
        assert_eq!(
            message,
            "pie: settings are a table of names and values, not 7"
        );
    }
}
