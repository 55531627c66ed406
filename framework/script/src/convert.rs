//! Lua values as JSON and back, and settings that are checked before they are used.

use lapidary_core::{Error, suggest};
use mlua::{Lua, Table, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

const DEEPEST: usize = 32;

/// Any error as Lua carries it; scripts see its text, the program gets it back whole.
pub(crate) fn raise(error: impl Into<Error>) -> mlua::Error {
    mlua::Error::external(error.into())
}

/// A Lua value as JSON. Tables with the keys 1 to n are arrays; an empty table is an object.
pub(crate) fn to_json(value: &Value, place: &str) -> mlua::Result<Json> {
    at_depth(value, place, 0).map_err(raise)
}

fn at_depth(value: &Value, place: &str, depth: usize) -> Result<Json, Error> {
    if depth > DEEPEST {
        return Err(Error::setting(
            place,
            "nested too deep, or a table that holds itself",
        ));
    }
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Boolean(b) => Json::Bool(*b),
        Value::Integer(n) => Json::from(*n),
        Value::Number(n) => serde_json::Number::from_f64(*n)
            .map(Json::Number)
            .ok_or_else(|| Error::setting(place, format!("{n} is not a finite number")))?,
        Value::String(text) => {
            let text = text
                .to_str()
                .map_err(|_| Error::setting(place, "text is not UTF-8"))?;
            Json::String(text.to_owned())
        }
        Value::Table(table) => table_to_json(table, place, depth)?,
        other => {
            let found = other.type_name();
            return Err(Error::setting(
                place,
                format!("a {found} cannot stand here; expected a value or a table"),
            ));
        }
    })
}

fn table_to_json(table: &Table, place: &str, depth: usize) -> Result<Json, Error> {
    let length = table.raw_len();
    if length > 0 {
        let mut array = Vec::with_capacity(length);
        for pair in table.sequence_values::<Value>() {
            let value = pair.map_err(|e| Error::setting(place, e.to_string()))?;
            array.push(at_depth(
                &value,
                &format!("{place}[{}]", array.len() + 1),
                depth + 1,
            )?);
        }
        return Ok(Json::Array(array));
    }
    let mut object = serde_json::Map::new();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|e| Error::setting(place, e.to_string()))?;
        let Value::String(key) = key else {
            return Err(Error::setting(
                place,
                format!("key {} is not a name", show(&key)),
            ));
        };
        let key = key.to_string_lossy();
        let value = at_depth(&value, &format!("{place}.{key}"), depth + 1)?;
        object.insert(key, value);
    }
    object.sort_keys();
    Ok(Json::Object(object))
}

/// A JSON value as Lua.
pub(crate) fn to_lua(lua: &Lua, json: &Json) -> mlua::Result<Value> {
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(b) => Value::Boolean(*b),
        Json::Number(n) => match n.as_i64() {
            Some(n) => Value::Integer(n),
            None => Value::Number(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(lua.create_string(text)?),
        Json::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (i, item) in items.iter().enumerate() {
                table.raw_set(i + 1, to_lua(lua, item)?)?;
            }
            Value::Table(table)
        }
        Json::Object(map) => {
            let table = lua.create_table_with_capacity(0, map.len())?;
            for (key, item) in map {
                table.raw_set(key.as_str(), to_lua(lua, item)?)?;
            }
            Value::Table(table)
        }
    })
}

/// Reads settings of type `S` from a table or nothing. Unknown keys are refused with the nearest known ones, all at once.
pub(crate) fn settings<S>(table: Option<&Table>, place: &str) -> mlua::Result<S>
where
    S: Default + Serialize + DeserializeOwned,
{
    let Some(table) = table else {
        return Ok(S::default());
    };
    let given = match to_json(&Value::Table(table.clone()), place)? {
        Json::Array(_) => {
            return Err(raise(Error::setting(
                place,
                "expected named settings, found a list",
            )));
        }
        given => given,
    };
    from_json(given, place).map_err(raise)
}

/// As [`settings`], from JSON.
pub(crate) fn from_json<S>(given: Json, place: &str) -> Result<S, Error>
where
    S: Default + Serialize + DeserializeOwned,
{
    let wrong = |e: serde_json::Error| Error::setting(place, e.to_string());
    let defaults = serde_json::to_value(S::default()).map_err(wrong)?;
    if let (Json::Object(given), Json::Object(known)) = (&given, &defaults) {
        refuse_unknown(given, known, place)?;
    }
    let merged = match (defaults, given) {
        (Json::Object(mut all), Json::Object(given)) => {
            all.extend(given);
            Json::Object(all)
        }
        (_, given) => given,
    };
    serde_json::from_value(merged).map_err(wrong)
}

fn refuse_unknown(
    given: &serde_json::Map<String, Json>,
    known: &serde_json::Map<String, Json>,
    place: &str,
) -> Result<(), Error> {
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    let problems: Vec<String> = given
        .keys()
        .filter(|key| !known.contains_key(*key))
        .map(|key| {
            let nearest = suggest::nearest(key, &names);
            let all: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
            format!("unknown setting `{key}`{}", suggest::phrase(&nearest, &all))
        })
        .collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Error::setting(place, problems.join("; "))),
    }
}

/// Takes a key out of a settings table, so that the rest can be passed on.
pub(crate) fn take(given: &mut Json, key: &str) -> Option<Json> {
    given
        .as_object_mut()
        .and_then(|map| map.shift_remove(key))
        .filter(|v| !v.is_null())
}

/// A Lua value for messages.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.to_string_lossy()),
        Value::Integer(n) => n.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Boolean(b) => b.to_string(),
        other => format!("a {}", other.type_name()),
    }
}
