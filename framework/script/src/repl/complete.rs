//! Completion: names, members of values, and components within quotes.

use lapidary_core::plugin::Registry;
use mlua::{Lua, Value};

use super::look_up;
use crate::object::members;

const KEYWORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

pub(super) fn complete(lua: &Lua, registry: &Registry, line: &str) -> (usize, Vec<String>) {
    let (begin, mut found) = match open_quote(line) {
        Some(begin) => (begin, names_of_components(registry)),
        None => names(lua, line),
    };
    let word = line.get(begin..).unwrap_or_default();
    found.retain(|name| name.starts_with(word));
    found.sort();
    found.dedup();
    (begin, found)
}

/// Where the text of a quote begins that is still open.
fn open_quote(line: &str) -> Option<usize> {
    let mut open: Option<(char, usize)> = None;
    let mut escaped = false;
    for (place, c) in line.char_indices() {
        match open {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some((quote, _)) if c == quote => open = None,
            None if c == '"' || c == '\'' => open = Some((c, place + 1)),
            _ => {}
        }
    }
    open.map(|(_, begin)| begin)
}

fn names_of_components(registry: &Registry) -> Vec<String> {
    registry
        .entries()
        .map(|e| e.description.name.clone())
        .collect()
}

/// Where the name at the end of the line begins, and all that may stand there.
fn names(lua: &Lua, line: &str) -> (usize, Vec<String>) {
    let part_of_name = |c: char| c.is_alphanumeric() || "_.:".contains(c);
    let rest = line.trim_end_matches(part_of_name);
    let path = line.get(rest.len()..).unwrap_or_default();
    let Some(split) = path.rfind(['.', ':']) else {
        let mut found = keys(&Value::Table(lua.globals()));
        found.extend(KEYWORDS.map(str::to_owned));
        return (rest.len(), found);
    };
    let before: Vec<&str> = path[..split].split(['.', ':']).collect();
    let value = look_up(lua, &before);
    let mut found = keys(&value);
    found.extend(members(&value));
    (rest.len() + split + 1, found)
}

/// The names in a table, and the methods of a text.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Table(table) => {
            let pairs = table.pairs::<Value, Value>().flatten();
            let names = pairs.filter_map(|(key, _)| match key {
                Value::String(name) => Some(name.to_string_lossy()),
                _ => None,
            });
            names.collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_keywords_and_keys_are_offered() {
        let lua = Lua::new();
        let registry = Registry::empty();
        lua.load("settings = { learning_rate = 1, layers = 2 } seeds = 3")
            .exec()
            .unwrap();
        let of = |line: &str| complete(&lua, &registry, line);
        assert_eq!(of("x = sett"), (4, vec!["settings".to_owned()]));
        assert_eq!(
            of("print(settings.l"),
            (15, vec!["layers".to_owned(), "learning_rate".to_owned()])
        );
        assert_eq!(of("repe").1, ["repeat"]);
        assert_eq!(of("seeds.x").1, Vec::<String>::new());
        assert_eq!(of("no.such.x").1, Vec::<String>::new());
        assert!(of("").1.len() > 20);
    }

    #[test]
    fn an_open_quote_is_told_from_a_closed_one() {
        assert_eq!(open_quote("lapidary.reducer(\"pc"), Some(18));
        assert_eq!(open_quote("f('a', \"b\""), None);
        assert_eq!(open_quote(r#"f("a\"b"#), Some(3));
        assert_eq!(open_quote("größe = 'x"), Some(11));
    }
}
