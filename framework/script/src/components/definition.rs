//! What a component's file says of itself: kind, name, settings, functions.

use lapidary_core::{Error, Result, settings, suggest};
use lapidary_sdk::{Description, Kind, kinds};
use mlua::{Table, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::instance::{Source, open};
use crate::convert::{settings_of, show};

/// The functions that a kind must have.
fn needed(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Backbone => &["create", "forward"],
        Kind::PromptStrategy => &["requests", "read", "calibrate"],
        _ => &["fit", "transform"],
    }
}

/// Those that it may have. `create` may be left out where there is nothing to remember.
fn optional(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Backbone => &["last"],
        Kind::PromptStrategy => &["create", "measure", "own_text"],
        _ => &["create"],
    }
}

/// Kinds that can be written in Lua.
const KINDS: [Kind; 3] = [Kind::Backbone, Kind::PromptStrategy, Kind::Reducer];
const PLAIN: [&str; 4] = ["kind", "name", "summary", "settings"];

/// Runs the file once and reads the table that it returns.
///
/// # Errors
/// [`Error::Data`] with file and line.
pub(super) fn read(source: &Source) -> Result<Description> {
    let wrong = |reason: String| Error::data(&source.path, None, reason);
    let state = open(source, tch::Device::Cpu).map_err(|e| source.data(&e))?;
    let text = |key: &str| -> Result<Option<String>> {
        match state.component.raw_get(key).map_err(|e| source.data(&e))? {
            Value::Nil => Ok(None),
            Value::String(text) => Ok(Some(text.to_string_lossy())),
            other => Err(wrong(format!(
                "`{key}` must be a text, not {}",
                show(&other)
            ))),
        }
    };
    let kind =
        text("kind")?.ok_or_else(|| wrong(format!("`kind` is missing: {}", kinds_text())))?;
    let kind = (KINDS.into_iter())
        .find(|k| k.name() == kind)
        .ok_or_else(|| {
            let known = KINDS.map(Kind::name);
            wrong(Error::unknown("kind", &kind, known).to_string())
        })?;
    functions(&state.component, kind).map_err(wrong)?;
    let name = match text("name")? {
        Some(name) => name,
        None => source.stem(),
    };
    let summary = text("summary")?;
    let summary = summary
        .ok_or_else(|| wrong("`summary` is missing: one sentence for listings".to_owned()))?;
    let (schema, defaults) = schema(&state.component, source)?;
    let methods = kinds::methods(kind).into_iter();
    let has = |name: &str| state.component.contains_key(name).unwrap_or(false);
    Ok(Description {
        kind,
        name,
        summary,
        settings: schema,
        defaults,
        methods: methods.filter(|m| !m.optional || has(&m.name)).collect(),
    })
}

fn kinds_text() -> String {
    let names = KINDS.map(|kind| format!("`{kind}`"));
    format!("one of {}", names.join(", "))
}

/// Checks that all functions of the kind are there, and nothing that no kind has.
fn functions(component: &Table, kind: Kind) -> std::result::Result<(), String> {
    let (needed, optional) = (needed(kind), optional(kind));
    let known: Vec<String> = [&PLAIN, needed, optional]
        .concat()
        .iter()
        .map(|&k| k.to_owned())
        .collect();
    let mut problems = Vec::new();
    for pair in component.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|e| e.to_string())?;
        let key = match &key {
            Value::String(key) => key.to_string_lossy(),
            other => show(other),
        };
        if !known.contains(&key) {
            let near = suggest::phrase(&suggest::nearest(&key, &known), &known);
            problems.push(format!("unknown key `{key}` of a {kind}{near}"));
        } else if !PLAIN.contains(&key.as_str()) && !value.is_function() {
            problems.push(format!("`{key}` must be a function, not {}", show(&value)));
        }
    }
    for name in needed {
        if !component.contains_key(*name).unwrap_or(false) {
            problems.push(format!(
                "the function `{name}` is missing, which every {kind} has"
            ));
        }
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("; ")),
    }
}

/// One setting as the file describes it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Setting {
    r#type: String,
    default: Json,
    min: Option<Json>,
    max: Option<Json>,
    one_of: Option<Vec<Json>>,
    help: String,
}

const TYPES: [&str; 4] = ["boolean", "integer", "number", "string"];

/// JSON Schema and defaults of the settings.
fn schema(component: &Table, source: &Source) -> Result<(Json, Json)> {
    let of_file = |reason: String| Error::data(&source.path, None, reason);
    let table: Option<Table> = component
        .raw_get("settings")
        .map_err(|_| of_file("`settings` must be a table of names".to_owned()))?;
    let given = settings_of(table.as_ref(), "settings").map_err(|e| source.data(&e))?;
    let Json::Object(given) = given else {
        return Err(of_file("`settings` must be a table of names".to_owned()));
    };
    let (mut properties, mut defaults) = (Map::new(), Map::new());
    for (name, about) in given {
        let place = format!("settings.{name}");
        let about: Setting = settings::read(about, &place).map_err(|e| of_file(e.to_string()))?;
        let setting = property(&about).map_err(|reason| of_file(format!("{place}: {reason}")))?;
        properties.insert(name.clone(), setting);
        defaults.insert(name, about.default);
    }
    let schema = json!({
        "type": "object", "properties": properties, "additionalProperties": false,
    });
    Ok((schema, Json::Object(defaults)))
}

fn property(about: &Setting) -> std::result::Result<Json, String> {
    if !TYPES.contains(&about.r#type.as_str()) {
        return Err(match about.r#type.as_str() {
            "" => format!("`type` is missing: one of {}", TYPES.join(", ")),
            other => Error::unknown("type", other, TYPES).to_string(),
        });
    }
    if about.default.is_null() {
        return Err("`default` is missing: every setting has one".to_owned());
    }
    let mut property =
        json!({"type": about.r#type, "description": about.help, "default": about.default});
    let limits = [("minimum", &about.min), ("maximum", &about.max)];
    for (key, limit) in limits {
        if let Some(limit) = limit {
            property[key] = limit.clone();
        }
    }
    if let Some(values) = &about.one_of {
        property["enum"] = json!(values);
    }
    Ok(property)
}
