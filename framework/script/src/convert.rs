//! Lua values as JSON and back, and settings that are checked before they are used.

use lapidary_core::{Error, settings};
use mlua::{Lua, Table, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

const DEEPEST: usize = 32;

/// Any error as Lua carries it; scripts see its text, the program gets it back whole.
pub(crate) fn raise(error: impl Into<Error>) -> mlua::Error {
    mlua::Error::external(error.into())
}

/// The settings in a table, or none; entries under the keys `but` are left out.
pub(crate) fn settings_but(table: Option<&Table>, but: &[&str], place: &str) -> mlua::Result<Json> {
    match table {
        None => Ok(json!({})),
        Some(table) => table_to_json(table, but, place, 0).map_err(raise),
    }
}

/// The settings in a table, or none.
pub(crate) fn settings_of(table: Option<&Table>, place: &str) -> mlua::Result<Json> {
    settings_but(table, &[], place)
}

/// Reads settings of type `S` from a table or nothing.
pub(crate) fn read<S>(table: Option<&Table>, place: &str) -> mlua::Result<S>
where
    S: Default + Serialize + DeserializeOwned,
{
    settings::read(settings_of(table, place)?, place).map_err(raise)
}

/// As [`read`]; `problems` tells which values are out of range.
pub(crate) fn read_checked<S>(
    table: Option<&Table>,
    place: &str,
    problems: impl FnOnce(&S) -> Vec<settings::OutOfRange>,
) -> mlua::Result<S>
where
    S: Default + Serialize + DeserializeOwned,
{
    settings::read_checked(settings_of(table, place)?, place, problems).map_err(raise)
}

/// Takes `seed` out of settings; `otherwise` where it is not there.
pub(crate) fn take_seed(given: &mut Json, otherwise: u64, place: &str) -> Result<u64, Error> {
    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Seed {
        seed: Option<u64>,
    }
    let Some(seed) = take(given, "seed") else {
        return Ok(otherwise);
    };
    let read: Seed = settings::read(json!({"seed": seed}), place)?;
    Ok(read.seed.unwrap_or(otherwise))
}

/// Takes a key out of settings, so that the rest can be passed on.
pub(crate) fn take(given: &mut Json, key: &str) -> Option<Json> {
    given
        .as_object_mut()
        .and_then(|map| map.shift_remove(key))
        .filter(|v| !v.is_null())
}

/// A Lua value as JSON. Tables with the keys 1 to n are arrays; an empty table is an object.
fn to_json(value: &Value, place: &str, depth: usize) -> Result<Json, Error> {
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
        Value::Number(n) => number(*n)
            .ok_or_else(|| Error::setting(place, format!("{n} is not a finite number")))?,
        Value::String(text) => {
            let text = text
                .to_str()
                .map_err(|_| Error::setting(place, "text is not UTF-8"))?;
            Json::String(text.to_owned())
        }
        Value::Table(table) => table_to_json(table, &[], place, depth)?,
        other => {
            let reason = format!(
                "{} cannot stand here; expected a value or a table",
                show(other)
            );
            return Err(Error::setting(place, reason));
        }
    })
}

/// Writes 2.0 as 2: in scripts `128 / 2` is a float, and readers tell the two apart.
fn number(n: f64) -> Option<Json> {
    /// Up to here every whole number is exact.
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    match n.fract() == 0.0 && n.abs() <= LIMIT {
        true => Some(Json::from(n as i64)),
        false => serde_json::Number::from_f64(n).map(Json::Number),
    }
}

fn table_to_json(table: &Table, but: &[&str], place: &str, depth: usize) -> Result<Json, Error> {
    let length = table.raw_len();
    let mut array = Vec::with_capacity(length);
    for value in table.sequence_values::<Value>() {
        let value = value.map_err(|e| Error::setting(place, e.to_string()))?;
        let place = format!("{place}[{}]", array.len() + 1);
        array.push(to_json(&value, &place, depth + 1)?);
    }
    let mut object = serde_json::Map::new();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|e| Error::setting(place, e.to_string()))?;
        match key {
            Value::Integer(n) if (1..=length as i64).contains(&n) => {}
            Value::String(key) => {
                let key = key.to_string_lossy();
                if !but.contains(&key.as_str()) {
                    let value = to_json(&value, &format!("{place}.{key}"), depth + 1)?;
                    object.insert(key, value);
                }
            }
            other => {
                let reason = format!("key {} is not a name", show(&other));
                return Err(Error::setting(place, reason));
            }
        }
    }
    object.sort_keys();
    match (array.is_empty(), object.is_empty()) {
        (true, _) => Ok(Json::Object(object)),
        (false, true) => Ok(Json::Array(array)),
        (false, false) => {
            let names: Vec<String> = object.keys().map(|k| format!("`{k}`")).collect();
            let reason = format!(
                "a list and names ({}) in one table; give every entry a name",
                names.join(", ")
            );
            Err(Error::setting(place, reason))
        }
    }
}

/// A serialisable value as Lua.
pub(crate) fn to_lua(lua: &Lua, value: &impl Serialize) -> mlua::Result<Value> {
    let json = serde_json::to_value(value).map_err(mlua::Error::external)?;
    json_to_lua(lua, &json)
}

/// A result as a Lua table that `print` shows as its text; nothing where there is none.
pub(crate) fn to_lua_with_text<T>(lua: &Lua, value: Option<&T>) -> mlua::Result<Value>
where
    T: Serialize + std::fmt::Display,
{
    let Some(value) = value else {
        return Ok(Value::Nil);
    };
    let made = to_lua(lua, value)?;
    if let Value::Table(table) = &made {
        let text = value.to_string();
        let told = lua.create_table()?;
        told.raw_set(
            "__tostring",
            lua.create_function(move |_, _: Value| Ok(text.clone()))?,
        )?;
        table.set_metatable(Some(told))?;
    }
    Ok(made)
}

fn json_to_lua(lua: &Lua, json: &Json) -> mlua::Result<Value> {
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
                table.raw_set(i + 1, json_to_lua(lua, item)?)?;
            }
            Value::Table(table)
        }
        Json::Object(map) => {
            let table = lua.create_table_with_capacity(0, map.len())?;
            for (key, item) in map {
                table.raw_set(key.as_str(), json_to_lua(lua, item)?)?;
            }
            Value::Table(table)
        }
    })
}

/// A Lua value for messages.
pub(crate) fn show(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.to_string_lossy()),
        Value::Integer(n) => n.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Boolean(b) => b.to_string(),
        Value::Nil => "nothing".to_owned(),
        Value::UserData(data) => match data.type_name() {
            Ok(name) => name.to_string_lossy(),
            Err(_) => "a value".to_owned(),
        },
        other => format!("a {}", other.type_name()),
    }
}
