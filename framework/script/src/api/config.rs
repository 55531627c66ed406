//! Configurations of experiments: TOML files as Lua tables, and tables put over others.

use std::rc::Rc;

use lapidary_core::{Error, mistakes, toml_file};
use mlua::{Lua, Table, Value};

use crate::convert::{raise, show, to_lua};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let config = move |lua: &Lua, name: String| {
        let path = s.find(&name).map_err(raise)?;
        let read = toml_file::read(&path).map_err(raise)?;
        let place = path.display().to_string();
        s.configs.borrow_mut().push(path);
        table(lua, &read, &place)
    };
    api.raw_set("config", lua.create_function(config)?)?;
    api.raw_set("with", lua.create_function(with)?)
}

/// A new table: `settings`, and over them those of `more`.
fn with(lua: &Lua, (settings, more): (Table, Table)) -> mlua::Result<Table> {
    let both = lua.create_table()?;
    for table in [settings, more] {
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            both.raw_set(key, value)?;
        }
    }
    Ok(both)
}

/// A table that refuses keys it does not have: a misspelt one would silently stand for its default.
fn table(lua: &Lua, of: &toml::Table, place: &str) -> mlua::Result<Table> {
    let made = lua.create_table()?;
    for (key, value) in of {
        made.raw_set(
            key.as_str(),
            self::value(lua, value, &format!("{place}: {key}"))?,
        )?;
    }
    let place = place.to_owned();
    let refuse = move |_: &Lua, (table, key): (Table, Value)| -> mlua::Result<Value> {
        let known = table.pairs::<String, Value>().map(|pair| Ok(pair?.0));
        let known: Vec<String> = known.collect::<mlua::Result<_>>()?;
        let name = match &key {
            Value::String(text) => text.to_string_lossy(),
            other => show(other),
        };
        let mut error = Error::unknown("key", &name, known);
        if let Error::Unknown { note, .. } = &mut error {
            *note = format!(" of {place}");
        }
        let meant = mistakes::nearest(error).map_err(raise)?;
        table.raw_get(meant)
    };
    let strict = lua.create_table()?;
    strict.raw_set("__index", lua.create_function(refuse)?)?;
    made.set_metatable(Some(strict))?;
    Ok(made)
}

fn value(lua: &Lua, of: &toml::Value, place: &str) -> mlua::Result<Value> {
    match of {
        toml::Value::Table(inner) => table(lua, inner, place).map(Value::Table),
        toml::Value::Array(values) => {
            let values = values.iter().map(|v| value(lua, v, place));
            let values = values.collect::<mlua::Result<Vec<_>>>()?;
            lua.create_sequence_from(values).map(Value::Table)
        }
        other => to_lua(lua, other),
    }
}
