//! What the call around the cursor asks for, by the words of `API.md` and of the components' descriptions.

use lapidary_core::plugin::Registry;
use lapidary_sdk::{Description, Kind};
use mlua::{Lua, MetaMethod, Value};
use serde_json::Value as Json;

use super::look_up;
use crate::annotations::{beside, makers};
use crate::api::{objects, settings};
use crate::lex::{Sort, Token};
use crate::page::{rows, signatures};

/// Settings that are files.
const FILES: [&str; 5] = ["adapter", "attributes", "ids", "script", "template"];
/// How deep choices of a setting are looked for: a schema may contain itself.
const DEEPEST: usize = 6;

/// What may stand in quotes.
pub(super) enum Asked {
    /// One of these.
    Words(Vec<String>),
    /// A file.
    File,
}

/// What may stand in quotes that open behind these tokens.
pub(super) fn asked_in_quotes(
    lua: &Lua,
    registry: &Registry,
    line: &str,
    before: &[Token<'_>],
) -> Asked {
    if let [.., key, equals] = before
        && equals.is("=")
    {
        let call = Call::around(line, before);
        return match call {
            Some(_) if FILES.contains(&key.code()) => Asked::File,
            Some(call) => Asked::Words(call.choices(lua, registry, key.code())),
            None => Asked::Words(Vec::new()),
        };
    }
    let end = match before {
        [.., name, bracket] if bracket.is("(") => name.end(),
        [.., name] => name.end(),
        [] => 0,
    };
    let function = name_at(line, end);
    match function {
        "help" => Asked::Words(all_names(registry)),
        "lapidary.components" => Asked::Words(Kind::ALL.map(|kind| kind.name().to_owned()).into()),
        _ if takes_file(function) => Asked::File,
        _ => Asked::Words(
            components(registry, function)
                .map(|d| d.name.clone())
                .collect(),
        ),
    }
}

/// The settings whose keys may stand behind these tokens.
pub(super) fn asked_in_table(
    lua: &Lua,
    registry: &Registry,
    line: &str,
    before: &[Token<'_>],
) -> Vec<String> {
    let at_key = before
        .last()
        .is_some_and(|last| ["{", ",", ";"].contains(&last.code()));
    let call = Call::around(line, before).filter(|_| at_key);
    call.map_or_else(Vec::new, |call| call.keys(lua, registry))
}

/// The name that ends at `end`: `model:fit`; `:fit` behind something else.
pub(super) fn name_at(line: &str, end: usize) -> &str {
    let line = line.get(..end).unwrap_or(line);
    let rest = line.trim_end_matches(|c: char| c.is_alphanumeric() || "_.:".contains(c));
    &line[rest.len()..]
}

/// A call to which a table of settings is given.
struct Call<'a> {
    function: &'a str,
    /// Its first argument, where that is a text.
    first: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// The call whose table the end of the tokens is in.
    fn around(line: &'a str, tokens: &[Token<'a>]) -> Option<Self> {
        let mut open: Vec<usize> = Vec::new();
        for (n, token) in tokens.iter().enumerate() {
            match token.code() {
                "(" | "[" | "{" => open.push(n),
                ")" | "]" | "}" => {
                    open.pop();
                }
                _ => {}
            }
        }
        let table = open.pop().filter(|n| tokens[*n].is("{"))?;
        let before = tokens.get(table.checked_sub(1)?)?;
        let bracket = open.pop().filter(|n| tokens[*n].is("("));
        match bracket {
            // A further argument of `f(…`; else it is `f {`.
            Some(bracket) if before.is("(") || before.is(",") => {
                let name = tokens.get(bracket.checked_sub(1)?)?;
                let first = tokens.get(bracket + 1);
                let first = first.filter(|first| first.sort == Sort::Text);
                Some(Self {
                    function: name_at(line, name.end()),
                    first: first.map(|first| first.text),
                })
            }
            _ => Some(Self {
                function: name_at(line, before.end()),
                first: None,
            }),
        }
    }

    /// What `API.md` calls the function: `model:recommend` for a method of a model, whatever the script calls that.
    fn known_as(&self, lua: &Lua) -> String {
        match self.function.rsplit_once(':') {
            None => self.function.to_owned(),
            Some((owner, method)) => {
                let path: Vec<&str> = owner.split(['.', ':']).collect();
                let receiver = receiver(&look_up(lua, &path)).unwrap_or_default();
                format!("{receiver}:{method}")
            }
        }
    }

    /// The schemas of its settings: its own, and those of the component that it makes.
    fn schemas(&self, lua: &Lua, registry: &Registry) -> Vec<Json> {
        let asked = self.known_as(lua);
        let own = settings().into_iter().filter(|s| is(s.function, &asked));
        let made = components(registry, self.function)
            .filter(|component| Some(component.name.as_str()) == self.first)
            .map(|component| component.settings.clone());
        own.map(|s| s.schema).chain(made).collect()
    }

    fn keys(&self, lua: &Lua, registry: &Registry) -> Vec<String> {
        let asked = self.known_as(lua);
        let schemas = self.schemas(lua, registry);
        let properties = schemas.iter().filter_map(|s| s["properties"].as_object());
        let keys = properties.flat_map(|all| all.keys().cloned());
        let more = beside().filter(|(function, _)| is(function, &asked));
        keys.chain(more.map(|(_, key)| key.to_owned())).collect()
    }

    /// The texts that a setting may be.
    fn choices(&self, lua: &Lua, registry: &Registry, key: &str) -> Vec<String> {
        let mut found = Vec::new();
        for schema in self.schemas(lua, registry) {
            texts(&schema, &schema["properties"][key], DEEPEST, &mut found);
        }
        found
    }
}

/// Whether `known` is the function asked for; of a method of something unknown, whoever has it.
fn is(known: &str, asked: &str) -> bool {
    known == asked || asked.starts_with(':') && known.ends_with(asked)
}

/// What `API.md` calls a value.
fn receiver(value: &Value) -> Option<&'static str> {
    let metatable = value.as_userdata()?.metatable().ok()?;
    let name: String = metatable.get(MetaMethod::Type).ok()?;
    let mut all = objects().into_iter();
    all.find(|object| object.name == name).map(|o| o.receiver)
}

/// Whether a function's first argument is a file.
fn takes_file(function: &str) -> bool {
    let rows = rows();
    let mut all = rows.iter().flat_map(|row| signatures(row.head));
    all.any(|s| s.name == function && s.arguments.starts_with("(file"))
}

/// The components that a function makes by name.
fn components<'a>(
    registry: &'a Registry,
    function: &str,
) -> impl Iterator<Item = &'a Description> + use<'a> {
    let maker = function.strip_prefix("lapidary.").map(str::to_owned);
    let all = registry.entries().map(|entry| &entry.description);
    all.filter(move |description| {
        let maker = maker.as_deref();
        maker.is_some_and(|maker| makers(description.kind).contains(&maker))
    })
}

/// Whatever help can be asked about.
fn all_names(registry: &Registry) -> Vec<String> {
    let components = registry.entries().map(|e| e.description.name.clone());
    let names = rows().into_iter().flat_map(|row| row.names);
    names.chain(components).collect()
}

/// The texts among a schema's choices. `root` is what its references are looked up in.
fn texts(root: &Json, schema: &Json, depth: usize, found: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    let place = schema["$ref"].as_str().and_then(|r| r.strip_prefix('#'));
    if let Some(target) = place.and_then(|place| root.pointer(place)) {
        texts(root, target, depth - 1, found);
    }
    found.extend(schema["const"].as_str().map(str::to_owned));
    let values = schema["enum"].as_array().into_iter().flatten();
    found.extend(values.filter_map(|v| v.as_str()).map(str::to_owned));
    for key in ["anyOf", "oneOf"] {
        for one in schema[key].as_array().into_iter().flatten() {
            texts(root, one, depth - 1, found);
        }
    }
}
