//! What Lua and its binding report, in words of this program.

/// The text of an error without its causes and traceback.
pub(super) fn of(error: &mlua::Error) -> String {
    match error {
        mlua::Error::RuntimeError(text) | mlua::Error::SyntaxError { message: text, .. } => {
            text.clone()
        }
        mlua::Error::ExternalError(inner) => inner.to_string(),
        mlua::Error::FromLuaConversionError { from, to, message } => {
            conversion(from, to, message.as_deref())
        }
        mlua::Error::BadArgument {
            to,
            pos,
            name,
            cause,
        } => argument(to.as_deref(), *pos, name.as_deref(), cause),
        other => other.to_string(),
    }
}

/// An argument that is none of those expected. `to` is `Object.method` of a method, whose first argument is the object.
fn argument(to: Option<&str>, pos: usize, name: Option<&str>, cause: &mlua::Error) -> String {
    let method = to.and_then(|to| to.rsplit_once('.')).map(|(_, m)| m);
    match (method, name) {
        (Some(method), Some("self")) => {
            format!("`{method}` is a method: call it with a colon, as in `x:{method}(…)`")
        }
        (Some(method), _) => {
            let number = pos.saturating_sub(1).max(1);
            format!("argument {number} of `{method}`: {}", of(cause))
        }
        (None, _) => format!("argument {pos}: {}", of(cause)),
    }
}

fn conversion(from: &str, to: &str, message: Option<&str>) -> String {
    let expected = match to {
        "String" | "string" | "&str" => "a text",
        "i64" | "i32" | "integer" => "a whole number",
        "usize" | "u64" | "u32" => "a whole number of at least 0",
        "f64" | "f32" | "number" => "a number",
        "bool" | "boolean" => "`true` or `false`",
        "table" | "Table" => "a table",
        "function" | "Function" => "a function",
        list if list.starts_with("Vec<") || list.starts_with("alloc::vec::Vec<") => "a list",
        other => other,
    };
    let found = match from {
        "nil" => "nothing",
        "string" => "a text",
        "integer" | "number" => "a number",
        "boolean" => "`true` or `false`",
        "table" => "a table",
        "function" => "a function",
        "userdata" => "another value of Lapidary",
        other => other,
    };
    match message.filter(|text| text.contains("out of range")) {
        Some(text) => format!("expected {expected}, found {found} ({text})"),
        None => format!("expected {expected}, found {found}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use mlua::Lua;

    use super::*;

    #[test]
    fn conversions_are_told_in_plain_words() {
        let lua = Lua::new();
        let one = lua.create_function(|_, _: (String, usize)| Ok(())).unwrap();
        let refused = |lua: &Lua, code: &str| {
            lua.globals().set("one", &one).unwrap();
            let error = lua.load(code).exec().unwrap_err();
            let mlua::Error::CallbackError { cause, .. } = error else {
                return error.to_string();
            };
            of(&cause)
        };
        assert_eq!(
            refused(&lua, "one(nil, 1)"),
            "argument 1: expected a text, found nothing"
        );
        assert_eq!(
            refused(&lua, "one('a', {})"),
            "argument 2: expected a whole number of at least 0, found a table"
        );
    }
}
