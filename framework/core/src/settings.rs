//! Settings given as JSON, from scripts above all: what is missing keeps its default, all problems are told at once.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::suggest;

/// Reads settings from an object; null and an empty list count as no settings. `place` names the source in messages.
///
/// # Errors
/// [`Error::Setting`] that lists every key that is unknown, with the nearest known ones, and every value that cannot be
/// used.
pub fn read<S>(given: Value, place: &str) -> Result<S>
where
    S: Default + Serialize + DeserializeOwned,
{
    let given = object(given).map_err(|reason| Error::setting(place, reason))?;
    let wrong = |e: serde_json::Error| Error::setting(place, explain(&e.to_string()));
    let defaults = match serde_json::to_value(S::default()).map_err(wrong)? {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    };
    let mut known: Vec<String> = defaults.keys().cloned().collect();
    known.sort();
    let with = |more: Map<String, Value>| {
        let mut all = defaults.clone();
        all.extend(more);
        serde_json::from_value::<S>(Value::Object(all))
    };
    let mut problems = Vec::new();
    for (key, value) in &given {
        if !known.contains(key) {
            problems.push(unknown_key(key, &known));
        } else if let Err(e) = with(Map::from_iter([(key.clone(), value.clone())])) {
            problems.push(format!("`{key}`: {}", explain(&e.to_string())));
        }
    }
    refuse(place, &problems)?;
    with(given).map_err(wrong)
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
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// Says what serde says in words of this program, with the nearest of the names that are allowed.
pub fn explain(message: &str) -> String {
    nearest_name(message)
        .or_else(|| other_type(message))
        .unwrap_or_else(|| message.trim().replace('\n', "; "))
}

/// `unknown field ..., expected one of ...`.
fn nearest_name(message: &str) -> Option<String> {
    let (what, rest) = message.strip_prefix("unknown ")?.split_once(" `")?;
    let (name, rest) = rest.split_once("`, ")?;
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
