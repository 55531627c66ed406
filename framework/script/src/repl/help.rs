//! Help by name, from the same words as `API.md` and `lapidary describe`.

use std::rc::Rc;

use lapidary_core::Error;
use mlua::{Lua, Table, Value};

use super::Describe;
use crate::convert::{raise, show};
use crate::object::members;
use crate::page::{Row, rows};
use crate::session::Session;

pub(super) fn install(lua: &Lua, session: &Rc<Session>, describe: &Describe) -> mlua::Result<()> {
    let (s, describe) = (Rc::clone(session), Rc::clone(describe));
    let help = move |lua: &Lua, of: Value| {
        let text = match &of {
            Value::Nil => overview(),
            Value::String(name) if name.to_string_lossy().trim().is_empty() => overview(),
            Value::String(name) => by_name(&s, &describe, name.to_string_lossy().trim())?,
            Value::Function(_) => match name_of(lua, &of)? {
                Some(name) => by_name(&s, &describe, &name)?,
                None => "a function of this session".to_owned(),
            },
            other => of_value(other),
        };
        lapidary_core::progress::print(text.trim_end());
        Ok(())
    };
    lua.globals().raw_set("help", lua.create_function(help)?)
}

/// The name under which `lapidary` has a function.
fn name_of(lua: &Lua, function: &Value) -> mlua::Result<Option<String>> {
    let lapidary: Table = lua.globals().raw_get("lapidary")?;
    for pair in lapidary.pairs::<String, Value>() {
        let (name, value) = pair?;
        if value.to_pointer() == function.to_pointer() {
            return Ok(Some(format!("lapidary.{name}")));
        }
    }
    Ok(None)
}

fn overview() -> String {
    let mut text =
        "help(NAME) or `:help NAME` tells of a function, a method, a setting or a component:\n"
            .to_owned();
    let mut section = "";
    for row in rows() {
        if row.section != section {
            section = row.section;
            text += &format!("\n{section}\n ");
        }
        for name in &row.names {
            text += &format!(" {name}");
        }
    }
    text
}

/// Whether a name of the page is asked for by `name`: whole, without `lapidary.`, or by its last part.
fn fits(known: &str, name: &str) -> bool {
    known == name || known.rsplit(['.', ':']).next() == Some(name)
}

fn by_name(session: &Session, describe: &Describe, name: &str) -> mlua::Result<String> {
    let rows = rows();
    let whole = rows
        .iter()
        .any(|row| row.names.iter().any(|known| known == name));
    let asked = |row: &&Row<'_>| {
        let mut names = row.names.iter();
        names.any(|known| {
            if whole {
                known == name
            } else {
                fits(known, name)
            }
        })
    };
    let described = rows.iter().filter(asked);
    let mut texts: Vec<String> = described
        .map(|row| {
            format!(
                "{}  ({})\n  {}",
                row.head.replace('`', ""),
                row.section,
                plain(&row.text)
            )
        })
        .collect();
    let registry = &session.context.registry;
    texts.extend(describe(registry, name).map(|text| text.trim_end().to_owned()));
    if texts.is_empty() {
        let components = registry
            .entries()
            .map(|entry| entry.description.name.clone());
        let known = rows.into_iter().flat_map(|row| row.names).chain(components);
        return Err(raise(Error::unknown(
            "name",
            name,
            nearest_of(name, known.collect()),
        )));
    }
    Ok(texts.join("\n\n"))
}

/// Of many names those alone that are near: all of them would fill the screen.
fn nearest_of(name: &str, known: Vec<String>) -> Vec<String> {
    match lapidary_core::suggest::nearest(name, &known) {
        near if near.is_empty() => vec!["help() lists all".to_owned()],
        near => near,
    }
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

/// A value tells its members, with what the page says of them.
fn of_value(value: &Value) -> String {
    let mut text = show(value);
    let members = members(value);
    if members.is_empty() {
        return text;
    }
    text += "; it has:\n";
    for member in members {
        text += &format!("  {member}\n");
    }
    text + "help(\"NAME\") tells of one."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_their_last_part() {
        assert!(fits("lapidary.refine", "refine") && fits("model:explain", "explain"));
        assert!(!fits("lapidary.refine", "fine"));
    }
}
