//! The run itself: settings from the command line, notes and files in the run's folder, printing.

use std::rc::Rc;

use lapidary_core::run::Point;
use lapidary_core::{Error, device, progress};
use mlua::{Lua, Table, Value, Variadic};

use crate::convert::{raise, show};
use crate::error::Usage;
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    api.raw_set("version", env!("CARGO_PKG_VERSION"))?;
    api.raw_set("device", device::name(session.context.device))?;
    api.raw_set("seed", session.context.seed)?;
    api.raw_set("dry_run", session.context.dry_run)?;
    api.raw_set(
        "folder",
        session.context.folder.path().display().to_string(),
    )?;

    let s = Rc::clone(session);
    let setting = move |lua: &Lua, (key, default): (String, Value)| {
        let value = given(lua, &s, &key, default)?;
        let note = match &value {
            Value::Boolean(b) => (*b).into(),
            Value::Integer(n) => (*n).into(),
            Value::Number(n) => (*n).into(),
            Value::Nil => serde_json::Value::Null,
            other => other.to_string()?.into(),
        };
        s.note_setting(&key, note).map_err(raise)?;
        Ok(value)
    };
    api.raw_set("setting", lua.create_function(setting)?)?;

    let s = Rc::clone(session);
    let write = move |_: &Lua, (name, text): (String, String)| {
        let path = s.context.folder.write_text(&name, &text).map_err(raise)?;
        Ok(path.display().to_string())
    };
    api.raw_set("write", lua.create_function(write)?)?;

    let s = Rc::clone(session);
    let note = move |_: &Lua, (stage, values): (String, Table)| {
        let values: Vec<(String, f64)> = values.pairs().collect::<mlua::Result<_>>()?;
        let values: Vec<(&str, f64)> = values.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        s.context
            .folder
            .metrics(&stage, Point::End, &values)
            .map_err(raise)
    };
    api.raw_set("note", lua.create_function(note)?)?;

    lua.globals().raw_set("print", lua.create_function(print)?)
}

/// The value that `--set` gives, read as the default's type, or the default.
fn given(lua: &Lua, session: &Session, key: &str, default: Value) -> mlua::Result<Value> {
    let Some(text) = session.setting(key) else {
        return Ok(default);
    };
    let refuse = |what: &str| {
        let reason = format!(
            "`{text}` is not {what}, as the script's default {}",
            show(&default)
        );
        mlua::Error::external(Usage(format!("--set {key}: {reason}")))
    };
    match &default {
        Value::Boolean(_) => match text {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            _ => Err(refuse("`true` or `false`")),
        },
        Value::Integer(_) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| refuse("a whole number")),
        Value::Number(_) => text
            .parse()
            .map(Value::Number)
            .map_err(|_| refuse("a number")),
        Value::String(_) | Value::Nil => lua.create_string(text).map(Value::String),
        other => {
            let reason = format!(
                "its default is {}; only text, numbers and truth values can be set",
                show(other)
            );
            Err(raise(Error::setting(format!("setting `{key}`"), reason)))
        }
    }
}

/// `print`, through the progress display, so that bars and lines do not run into each other.
pub(super) fn print(_: &Lua, values: Variadic<Value>) -> mlua::Result<()> {
    let texts: Vec<String> = values
        .iter()
        .map(Value::to_string)
        .collect::<mlua::Result<_>>()?;
    progress::print(&texts.join("\t"));
    Ok(())
}
