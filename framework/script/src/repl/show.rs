//! Values as a person wants to see them.

use mlua::{FromLua, Lua, Table, Value};
use tch::{Kind, Tensor};

use crate::api::TensorHandle;
use crate::convert;
use crate::object::members;

/// Entries of a table, and rows of a tensor, that are shown.
const MOST: usize = 20;
const DEEPEST: usize = 3;
/// Lists that fit into so many characters stand in one line.
const WIDTH: usize = 100;
const ROWS: i64 = 8;
const COLUMNS: i64 = 8;

pub(super) fn show(lua: &Lua, value: &Value) -> mlua::Result<String> {
    inner(lua, value, 0)
}

fn inner(lua: &Lua, value: &Value, depth: usize) -> mlua::Result<String> {
    match value {
        Value::String(text) => Ok(format!("{:?}", text.to_string_lossy())),
        Value::Table(table) => self::table(lua, table, depth),
        Value::UserData(_) => match TensorHandle::from_lua(value.clone(), lua) {
            Ok(handle) => tensor(&*handle.get()?, depth > 0),
            Err(_) => user_data(value),
        },
        Value::Function(_) => Ok("a function".to_owned()),
        other => other.to_string(),
    }
}

/// Its own text where it has one; else what it is and what it has.
fn user_data(value: &Value) -> mlua::Result<String> {
    let has_text = value.as_userdata().is_some_and(|data| {
        let meta = data.metatable();
        meta.is_ok_and(|meta| meta.contains("__tostring").unwrap_or(false))
    });
    if has_text {
        return value.to_string();
    }
    Ok(format!(
        "{}: {}",
        convert::show(value),
        members(value).join(", ")
    ))
}

fn table(lua: &Lua, table: &Table, depth: usize) -> mlua::Result<String> {
    let has_text = table
        .metatable()
        .is_some_and(|meta| meta.contains_key("__tostring").unwrap_or(false));
    if has_text {
        return Value::Table(table.clone()).to_string();
    }
    if depth > DEEPEST {
        return Ok("{…}".to_owned());
    }
    let length = table.raw_len();
    if depth == 0
        && length > 1
        && let Some(rows) = records(lua, table)?
    {
        return Ok(rows);
    }
    let mut parts = Vec::new();
    for item in table.sequence_values::<Value>().take(MOST) {
        parts.push(inner(lua, &item?, depth + 1)?);
    }
    if length > MOST {
        parts.push(format!("… {} more", length - MOST));
    }
    let mut named: Vec<(String, Value)> = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        match pair? {
            (Value::Integer(n), _) if (1..=length as i64).contains(&n) => {}
            (Value::String(key), value) => named.push((key.to_string_lossy(), value)),
            (key, value) => named.push((format!("[{}]", convert::show(&key)), value)),
        }
    }
    named.sort_by(|a, b| a.0.cmp(&b.0));
    for (key, value) in named {
        parts.push(format!("{key} = {}", inner(lua, &value, depth + 1)?));
    }
    Ok(braces(&parts, depth))
}

fn braces(parts: &[String], depth: usize) -> String {
    let line = parts.join(", ");
    let indent = "  ".repeat(depth + 1);
    match () {
        () if parts.is_empty() => "{}".to_owned(),
        () if !line.contains('\n') && line.chars().count() + indent.len() <= WIDTH => {
            format!("{{ {line} }}")
        }
        () => format!(
            "{{\n{indent}{}\n{}}}",
            parts.join(&format!(",\n{indent}")),
            "  ".repeat(depth)
        ),
    }
}

/// A list of tables that have the same names and hold plain values is a table of columns.
fn records(lua: &Lua, list: &Table) -> mlua::Result<Option<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let length = list.raw_len();
    for row in list.sequence_values::<Value>().take(MOST) {
        let Value::Table(row) = row? else {
            return Ok(None);
        };
        let mut cells: Vec<(String, String)> = Vec::new();
        for pair in row.pairs::<Value, Value>() {
            match pair? {
                (_, Value::Table(_) | Value::UserData(_) | Value::Function(_)) => return Ok(None),
                (Value::String(name), Value::String(text)) => {
                    cells.push((name.to_string_lossy(), text.to_string_lossy()));
                }
                (Value::String(name), value) => {
                    cells.push((name.to_string_lossy(), inner(lua, &value, 1)?));
                }
                _ => return Ok(None),
            }
        }
        cells.sort();
        let found: Vec<String> = cells.iter().map(|(name, _)| name.clone()).collect();
        if rows.is_empty() {
            names = found;
        } else if names != found {
            return Ok(None);
        }
        rows.push(cells.into_iter().map(|(_, cell)| cell).collect());
    }
    if names.is_empty() {
        return Ok(None);
    }
    rows.insert(0, names);
    let mut text = columns(&rows);
    if length > MOST {
        text += &format!("\n… {} more", length - MOST);
    }
    Ok(Some(text))
}

/// Rows whose cells stand below each other; numbers at the right of their column.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.first().map_or(0, Vec::len);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let widths: Vec<usize> = (0..count)
        .map(|column| cells(column).map(|c| c.chars().count()).max().unwrap_or(0))
        .collect();
    let numbers: Vec<bool> = (0..count)
        .map(|column| {
            cells(column)
                .skip(1)
                .all(|cell| cell.parse::<f64>().is_ok())
        })
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(&numbers);
        let cells = cells.map(|((cell, &width), &number)| match number {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Shape, type and place; and below it the values, of a large one its beginning.
fn tensor(tensor: &Tensor, brief: bool) -> mlua::Result<String> {
    let failed = |e| convert::raise(lapidary_core::Error::from(e));
    let size = tensor.size();
    let shape: Vec<String> = size.iter().map(ToString::to_string).collect();
    let kind = tensor.f_kind().map_err(failed)?;
    let head = format!(
        "tensor [{}] {}, {}",
        shape.join(","),
        format!("{kind:?}").to_lowercase(),
        lapidary_core::device::name(tensor.device())
    );
    if brief || size.len() > 2 || tensor.numel() == 0 {
        return Ok(head);
    }
    let rows = match size.as_slice() {
        [] => tensor.f_reshape([1, 1]),
        [_] => tensor.f_unsqueeze(0),
        _ => Ok(tensor.shallow_clone()),
    };
    let rows = rows.and_then(|t| {
        t.f_detach()?
            .f_to_device(tch::Device::Cpu)?
            .f_to_kind(Kind::Double)
    });
    let rows = rows.map_err(failed)?;
    let (n, d) = rows.size2().map_err(failed)?;
    let whole = !matches!(
        kind,
        Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16
    );
    let mut lines = Vec::new();
    for i in 0..n.min(ROWS) {
        let mut cells = Vec::new();
        for j in 0..d.min(COLUMNS) {
            let value = rows.f_double_value(&[i, j]).map_err(failed)?;
            cells.push(match whole {
                true => format!("{value:.0}"),
                false => format!("{value:.4}"),
            });
        }
        if d > COLUMNS {
            cells.push("…".to_owned());
        }
        lines.push(cells);
    }
    let widths = lines.iter().flatten().map(|cell| cell.chars().count());
    let width = widths.max().unwrap_or(0);
    let mut text = head;
    for cells in lines {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>width$}")).collect();
        text += &format!("\n  {}", cells.join("  "));
    }
    if n > ROWS {
        text += &format!("\n  … {} more rows", n - ROWS);
    }
    Ok(text)
}
