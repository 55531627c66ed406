//! Completion: names, members of values, and what the call around the cursor asks for.

use std::path::Path;

use lapidary_core::plugin::Registry;
use mlua::{Lua, Value};

use super::call::{Asked, asked_in_quotes, asked_in_table, name_at};
use super::look_up;
use crate::lex::{Sort, Token, tokens};
use crate::object::members;

const KEYWORDS: [&str; 22] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

pub(super) fn complete(lua: &Lua, registry: &Registry, line: &str) -> (usize, Vec<String>) {
    let tokens = tokens(line);
    let (begin, mut found) = match tokens.split_last() {
        Some((quote, before)) if quote.sort == Sort::Open => {
            match asked_in_quotes(lua, registry, line, before) {
                Asked::Words(words) => (quote.begin, words),
                Asked::File => files(line, quote.begin),
            }
        }
        _ => names(lua, registry, line, &tokens),
    };
    let word = line.get(begin..).unwrap_or_default();
    found.retain(|name| name.starts_with(word));
    found.sort();
    found.dedup();
    (begin, found)
}

/// Where the last part of the path from `begin` on begins, and what its folder holds; folders end in `/`.
fn files(line: &str, begin: usize) -> (usize, Vec<String>) {
    let path = line.get(begin..).unwrap_or_default();
    let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
    // As scripts find them: from the working directory, then from the folders above it.
    let here = std::env::current_dir().unwrap_or_default();
    let mut all = here.ancestors().map(|from| held(&from.join(folder), name));
    let found = all.find(|names| !names.is_empty());
    (begin + folder.len(), found.unwrap_or_default())
}

/// Files and folders whose names begin so; hidden ones where that begins with a dot.
fn held(folder: &Path, beginning: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| {
        let mark = if entry.path().is_dir() { "/" } else { "" };
        format!("{}{mark}", entry.file_name().to_string_lossy())
    });
    let hidden = beginning.starts_with('.');
    names
        .filter(|name| name.starts_with(beginning) && (hidden || !name.starts_with('.')))
        .collect()
}

/// Where the name at the end of the line begins, and all that may stand there.
fn names(lua: &Lua, registry: &Registry, line: &str, tokens: &[Token<'_>]) -> (usize, Vec<String>) {
    let path = name_at(line, line.len());
    let begin = line.len() - path.len();
    let Some(split) = path.rfind(['.', ':']) else {
        let before = &tokens[..tokens.partition_point(|token| token.begin < begin)];
        let mut found = asked_in_table(lua, registry, line, before);
        found.retain(|key| key.starts_with(path));
        if found.is_empty() {
            found = keys(&Value::Table(lua.globals()));
            found.extend(KEYWORDS.map(str::to_owned));
        }
        return (begin, found);
    };
    let before: Vec<&str> = path[..split].split(['.', ':']).collect();
    let value = look_up(lua, &before);
    let mut found = keys(&value);
    found.extend(members(&value));
    (begin + split + 1, found)
}

/// The names in a table.
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
        assert_eq!(of("{ repe").1, ["repeat"]);
        assert_eq!(of("seeds.x").1, Vec::<String>::new());
        assert_eq!(of("no.such.x").1, Vec::<String>::new());
        assert_eq!(of("print('x").1, Vec::<String>::new());
        assert!(of("").1.len() > 20);
    }

    #[test]
    fn files_are_offered_where_a_call_takes_one() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["films.toml", "first.toml", ".hidden"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("fields")).unwrap();
        let (lua, registry) = (Lua::new(), Registry::empty());
        let here = folder.path().display();
        let of = |call: &str, name: &str| {
            let line = format!("{call}{here}/{name}");
            let (begin, found) = complete(&lua, &registry, &line);
            assert_eq!(begin, line.len() - name.len(), "{line}");
            found
        };
        assert_eq!(of("d = lapidary.dataset('", "fil"), ["films.toml"]);
        assert_eq!(
            of("lapidary.config \"", "fi"),
            ["fields/", "films.toml", "first.toml"]
        );
        assert_eq!(of("lapidary.load_tensors('", "."), [".hidden"]);
        assert_eq!(
            of("lapidary.prompt('any', { attributes = '", "first"),
            ["first.toml"]
        );
        let line = format!("print('{here}/fil");
        assert_eq!(complete(&lua, &registry, &line).1, Vec::<String>::new());
    }
}
