//! Settings against a component's JSON Schema: all problems at once, before any work starts.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use lapidary_sdk::Description;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::settings::{name, object, refuse, unknown_key};
use crate::{mistakes, suggest};

/// Checks that a description's schema is one, and that its defaults fit it.
pub(super) fn check_schema(description: &Description) -> std::result::Result<(), String> {
    let validator = validator(description)?;
    if !description.defaults.is_object() {
        return Err("the defaults of its settings are not a JSON object".to_owned());
    }
    let problem = validator.iter_errors(&description.defaults).next();
    problem.map_or(Ok(()), |e| {
        let key = key_path(e.instance_path().as_str());
        Err(format!(
            "its own defaults do not fit its schema: {key}: {e}"
        ))
    })
}

fn validator(description: &Description) -> std::result::Result<Validator, String> {
    jsonschema::validator_for(&description.settings)
        .map_err(|e| format!("the schema of its settings cannot be used: {e}"))
}

/// Checks given settings and adds the defaults of what is not given. Null and an empty array count as no settings.
pub(super) fn fill(description: &Description, given: &Value) -> Result<Value> {
    let place = format!("{} `{}`", description.kind, description.name);
    let given = object(given.clone()).map_err(|reason| Error::setting(place.as_str(), reason))?;
    let mut problems = unknown_keys(&description.settings, &given);
    let mut filled = description
        .defaults
        .as_object()
        .cloned()
        .unwrap_or_default();
    filled.extend(given);
    let filled = Value::Object(filled);
    let validator = validator(description).map_err(|e| Error::setting(place.as_str(), e))?;
    for error in validator.iter_errors(&filled) {
        problems.extend(explain(&description.settings, &error));
    }
    refuse(&place, &problems).or_else(mistakes::note)?;
    Ok(match problems.is_empty() {
        true => filled,
        false => description.defaults.clone(),
    })
}

/// Keys that the schema does not name, unless it allows others.
fn unknown_keys(schema: &Value, given: &Map<String, Value>) -> Vec<String> {
    let open = schema
        .get("additionalProperties")
        .is_some_and(|rule| *rule != Value::Bool(false));
    if open || schema.get("patternProperties").is_some() {
        return Vec::new();
    }
    let known = keys(schema);
    let unknown = given.keys().filter(|key| !known.contains(key));
    unknown.map(|key| unknown_key(key, &known)).collect()
}

fn keys(schema: &Value) -> Vec<String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut keys: Vec<String> = properties
        .map(|p| p.keys().cloned().collect())
        .unwrap_or_default();
    keys.sort();
    keys
}

/// One line for each problem of a validation error.
fn explain(schema: &Value, error: &ValidationError<'_>) -> Vec<String> {
    let path = error.instance_path().as_str();
    let place = key_path(path);
    let value = error.instance();
    let reason = match error.kind() {
        // Those of the settings themselves are found by `unknown_keys`.
        ValidationErrorKind::AdditionalProperties { .. } if path.is_empty() => return Vec::new(),
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = keys(around(schema, error));
            let line = |key: &String| format!("`{place}`: {}", unknown_key(key, &known));
            return unexpected.iter().map(line).collect();
        }
        ValidationErrorKind::Type { kind } => {
            format!("expected {}, found {}", expected(kind), name(value))
        }
        ValidationErrorKind::Enum { .. }
        | ValidationErrorKind::Constant { .. }
        | ValidationErrorKind::OneOfNotValid { .. }
        | ValidationErrorKind::AnyOf { .. } => match options(error.kind()) {
            allowed if allowed.is_empty() => error.to_string(),
            allowed => not_among(value, &allowed),
        },
        ValidationErrorKind::Minimum { .. }
        | ValidationErrorKind::ExclusiveMinimum { .. }
        | ValidationErrorKind::Maximum { .. }
        | ValidationErrorKind::ExclusiveMaximum { .. } => {
            let range = range(around(schema, error));
            format!("must be {range}, found {}", name(value))
        }
        _ => error.to_string(),
    };
    vec![match place.is_empty() {
        true => reason,
        false => format!("`{place}`: {reason}"),
    }]
}

/// The part of the schema that holds the rule which a value breaks.
fn around<'a>(schema: &'a Value, error: &ValidationError<'_>) -> &'a Value {
    let rule = error.schema_path().as_str();
    let parent = rule.rsplit_once('/').map_or("", |(parent, _)| parent);
    schema.pointer(parent).unwrap_or(&Value::Null)
}

/// The values that a schema's bounds allow, in words.
fn range(schema: &Value) -> String {
    let bounds = [
        ("minimum", "at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
    ];
    let word = |(key, word): (&str, &str)| {
        let limit = schema.get(key)?.as_f64()?;
        Some(format!("{word} {limit}"))
    };
    let words: Vec<String> = bounds.into_iter().filter_map(word).collect();
    words.join(" and ")
}

/// The values that an enumeration allows, however the schema spells it.
fn options(kind: &ValidationErrorKind) -> Vec<String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    match kind {
        ValidationErrorKind::Enum { options } => match options.as_ref() {
            Value::Array(all) => all.iter().map(text).collect(),
            _ => Vec::new(),
        },
        ValidationErrorKind::Constant { expected_value } => vec![text(expected_value)],
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            let errors = context.iter().flatten();
            errors.flat_map(|e| options(e.kind())).collect()
        }
        _ => Vec::new(),
    }
}

fn not_among(value: &Value, allowed: &[String]) -> String {
    let near = value.as_str().map(|v| suggest::nearest(v, allowed));
    let listed: Vec<_> = allowed.iter().map(|a| format!("`{a}`")).collect();
    let guess = match near.as_deref() {
        Some([first, ..]) => format!("; did you mean `{first}`?"),
        _ => String::new(),
    };
    format!(
        "expected {}, found {}{guess}",
        listed.join(" or "),
        name(value)
    )
}

/// `/layers/0` as `layers.0`.
fn key_path(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

fn expected(kind: &TypeKind) -> String {
    let word = |name: &str| match name {
        "array" => "a list",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "null" => "nothing",
        "number" => "a number",
        "object" => "a table",
        _ => "a text",
    };
    match kind {
        TypeKind::Single(one) => word(&one.to_string()).to_owned(),
        TypeKind::Multiple(several) => {
            let names: Vec<_> = several.iter().map(|t| word(&t.to_string())).collect();
            names.join(" or ")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lapidary_sdk::Kind;
    use serde_json::json;

    use super::*;

    fn description() -> Description {
        Description {
            kind: Kind::Backbone,
            name: "sample".into(),
            summary: "For tests.".into(),
            settings: json!({
                "type": "object",
                "properties": {
                    "layers": { "type": "integer", "minimum": 1 },
                    "dropout": { "type": "number", "minimum": 0.0, "exclusiveMaximum": 1 },
                    "share": { "type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 0.5 },
                    "norm": { "oneOf": [{ "const": "pre" }, { "const": "post" }] },
                    "warmup": { "type": ["integer", "null"] },
                    "inner": { "$ref": "#/$defs/Inner" },
                },
                "$defs": {
                    "Inner": {
                        "type": "object",
                        "properties": { "width": { "type": "integer" } },
                        "additionalProperties": false,
                    }
                }
            }),
            defaults: json!({
                "layers": 2, "dropout": 0.2, "share": null, "norm": "pre", "warmup": null,
                "inner": { "width": 4 }
            }),
            methods: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_given_takes_its_default() {
        let filled = fill(&description(), &json!({ "layers": 3 })).unwrap();
        assert_eq!(filled["layers"], json!(3));
        assert_eq!(filled["dropout"], json!(0.2));
        assert_eq!(
            fill(&description(), &Value::Null).unwrap(),
            description().defaults
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let given = json!({
            "layer": 1, "layers": 0, "dropout": "high", "norm": "prre", "warmup": 1.5, "inner": { "widht": 3 }
        });
        let message = fill(&description(), &given).unwrap_err().to_string();
        let mut lines: Vec<_> = message.lines().collect();
        assert_eq!(
            lines.remove(0),
            "backbone `sample`: 6 settings cannot be used:"
        );
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "  `dropout`: expected a number, found the text `high`",
                "  `inner`: unknown key `widht`; did you mean `width`?",
                "  `layers`: must be at least 1, found 0",
                "  `norm`: expected `pre` or `post`, found the text `prre`; did you mean `pre`?",
                "  `warmup`: expected nothing or a whole number, found 1.5",
                "  unknown key `layer`; did you mean `layers`?",
            ]
        );
    }

    #[test]
    fn a_value_out_of_range_is_told_with_the_range() {
        let given = json!({ "dropout": 1, "share": 0 });
        let message = fill(&description(), &given).unwrap_err().to_string();
        let mut lines: Vec<_> = message.lines().skip(1).collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "  `dropout`: must be at least 0 and below 1, found 1",
                "  `share`: must be above 0 and at most 0.5, found 0",
            ]
        );
        fill(&description(), &json!({ "dropout": 0, "share": 0.5 })).unwrap();
    }

    #[test]
    fn settings_that_are_no_table_are_refused() {
        let message = fill(&description(), &json!(7)).unwrap_err().to_string();
        assert_eq!(
            message,
            "backbone `sample`: settings are a table of names and values, not 7"
        );
    }

    #[test]
    fn a_schema_must_fit_its_own_defaults() {
        let mut bad = description();
        bad.defaults["layers"] = json!(0);
        assert!(check_schema(&bad).unwrap_err().contains("own defaults"));
        bad.settings = json!({ "type": "no such type" });
        assert!(check_schema(&bad).unwrap_err().contains("cannot be used"));
        assert!(check_schema(&description()).is_ok());
    }
}
