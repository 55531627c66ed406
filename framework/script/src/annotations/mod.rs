//! The API as annotations that editors read (`lua-language-server` and others): from the tables of `API.md`, the members of
//! values, the settings of functions and those of components.

mod signature;
mod types;

use std::collections::BTreeMap;
use std::fmt::Write;

use lapidary_sdk::Kind;
use serde_json::Value as Json;

use crate::api::{Described, objects, settings};
use crate::object::Members;
use crate::page::{Row, rows, signatures};
use signature::Parameter;

/// A setting, or a part of a table.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its key.
    pub name: String,
    /// Its type, as annotations write it: `integer`, `"pre"|"post"`.
    pub sort: String,
    /// What it does.
    pub help: String,
}

/// A component that scripts may name.
#[derive(Clone, Debug)]
pub struct Component {
    /// The function of `lapidary` that takes its name: `backbone`, `prompt` and so on.
    pub function: &'static str,
    /// Its name.
    pub name: String,
    /// What it is.
    pub summary: String,
    /// Its settings.
    pub settings: Vec<Field>,
}

/// The whole file. `read` tells the fields of a JSON Schema and its defaults.
pub fn annotations(components: &[Component], read: &dyn Fn(&Json, &Json) -> Vec<Field>) -> String {
    let page = Page::read();
    let settings = settings();
    let mut text = HEAD.to_owned();
    for described in &settings {
        text += &settings_class(described, &page, read);
    }
    for component in components {
        text += &component_class(component);
    }
    for object in objects() {
        text += &object_class(&object, &page, &settings);
    }
    text + &library(&page, &settings, components)
}

const HEAD: &str = "\
---@meta
-- Written by `lapidary annotations`; write it anew after plugins changed.

";

/// What `API.md` says of each name.
struct Page {
    entries: BTreeMap<String, Entry>,
}

/// One function or field.
struct Entry {
    arguments: &'static str,
    text: String,
}

impl Page {
    /// What stands left in a row goes before what a text mentions.
    fn read() -> Self {
        let rows = rows();
        let cells: [fn(&Row<'static>) -> &'static str; 2] = [|row| row.head, |row| row.cells];
        let mut entries = BTreeMap::new();
        for cell in cells {
            for row in &rows {
                for signature in signatures(cell(row)) {
                    entries.entry(signature.name).or_insert_with(|| Entry {
                        arguments: signature.arguments,
                        text: row.text.clone(),
                    });
                }
            }
        }
        Self { entries }
    }

    /// What is said of a member of a value, or of `lapidary`.
    fn entry(&self, receiver: &str, member: &str) -> Option<(&Entry, bool)> {
        let of = |dot: char| self.entries.get(&format!("{receiver}{dot}{member}"));
        let method = of(':').map(|entry| (entry, true));
        method.or_else(|| of('.').map(|entry| (entry, !entry.arguments.is_empty())))
    }
}

/// The functions of `lapidary` that make components of a kind by their names.
pub fn makers(kind: Kind) -> &'static [&'static str] {
    match kind {
        // It learns a base embedding, too.
        Kind::Backbone => &["backbone", "base_embedder"],
        Kind::BaseEmbedder => &["base_embedder"],
        Kind::Llm => &["llm"],
        Kind::PromptStrategy => &["prompt"],
        Kind::Reducer => &["reducer"],
    }
}

/// Settings beside those of the schemas: the function, as `API.md` calls it, and the key.
pub(crate) fn beside() -> impl Iterator<Item = (String, &'static str)> {
    let held = types::HELD.iter();
    let held = held.map(|(function, key, _)| ((*function).to_owned(), *key));
    let taken_out = types::TAKEN_OUT.iter();
    let taken_out = taken_out.map(|(function, key, ..)| (format!("lapidary.{function}"), *key));
    held.chain(taken_out)
        .filter(|(_, key)| !key.starts_with('['))
}

/// The name of the class of a function's settings.
fn settings_name(function: &str) -> String {
    let name = function.trim_start_matches("lapidary.").replace(':', ".");
    format!("lapidary.settings.{name}")
}

fn settings_class(
    described: &Described,
    page: &Page,
    read: &dyn Fn(&Json, &Json) -> Vec<Field>,
) -> String {
    let mut fields = read(&described.schema, &described.defaults);
    for (function, name, sort) in types::HELD {
        if *function == described.function {
            fields.retain(|field| field.name != *name);
            let help = page
                .entries
                .get(described.function)
                .map(|e| about(&e.text, name));
            fields.push(Field {
                name: (*name).to_owned(),
                sort: (*sort).to_owned(),
                help: help.unwrap_or_default(),
            });
        }
    }
    let about = format!("Settings of `{}`.", described.function);
    class(&settings_name(described.function), &about, &fields) + "\n"
}

/// What a text says of a key: what stands in brackets behind it.
fn about(text: &str, key: &str) -> String {
    let found = text.split_once(&format!("`{key}` ("));
    let inside = found.and_then(|(_, rest)| rest.split_once(')'));
    inside.map_or_else(String::new, |(inside, _)| inside.to_owned())
}

fn component_name(component: &Component) -> String {
    format!("lapidary.{}.{}", component.function, component.name)
}

fn component_class(component: &Component) -> String {
    let mut fields = component.settings.clone();
    for (function, name, sort, help) in types::TAKEN_OUT {
        if *function == component.function {
            fields.push(Field {
                name: (*name).to_owned(),
                sort: (*sort).to_owned(),
                help: (*help).to_owned(),
            });
        }
    }
    class(&component_name(component), &component.summary, &fields) + "\n"
}

/// A class whose fields may all be left out, but for those whose type says otherwise by `!`.
fn class(name: &str, about: &str, fields: &[Field]) -> String {
    let mut text = comment(about) + &format!("---@class {name}\n");
    for field in fields {
        let (mark, sort) = match field.sort.strip_prefix('!') {
            Some(sort) => ("", sort),
            None => ("?", &*field.sort),
        };
        let help = one_line(&field.help);
        let _ = writeln!(text, "---@field {}{mark} {sort} {help}", field.name);
    }
    text.replace(" \n", "\n")
}

fn comment(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("---{}\n", one_line(text)),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The class of a value: `lapidary.Split`.
fn class_name(object: &Members) -> String {
    let name = object
        .name
        .trim_start_matches("a ")
        .trim_start_matches("an ");
    let words = name.split(" of ").next().unwrap_or(name).split([' ', '-']);
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    format!("lapidary.{}", words.map(capital).collect::<String>())
}

fn object_class(object: &Members, page: &Page, settings: &[Described]) -> String {
    let local = class_name(object).replace("lapidary.", "");
    let mut text = comment(&format!("{}, as from `{}`.", object.name, object.from));
    text += &format!("---@class {}\n", class_name(object));
    if object.receiver == "t" {
        text += types::TENSOR;
    }
    if object.receiver == "cases" {
        text += "---@operator len: integer\n";
    }
    let mut methods = String::new();
    for member in object.members {
        let name = format!("{}:{member}", object.receiver);
        let Some((entry, is_method)) = page.entry(object.receiver, member) else {
            continue;
        };
        if is_method {
            methods += &function(&format!("{local}:{member}"), &name, entry, settings);
        } else {
            let sort = types::of(&name.replace(':', ".")).unwrap_or("any");
            let _ = writeln!(text, "---@field {member} {sort} {}", one_line(&entry.text));
        }
    }
    format!("{text}local {local} = {{}}\n\n{methods}")
}

/// A function with what `API.md` says of it.
fn function(written: &str, name: &str, entry: &Entry, settings: &[Described]) -> String {
    let mut text = comment(&entry.text);
    let parameters = parameters(name, entry, settings);
    for Parameter {
        name,
        sort,
        optional,
    } in &parameters
    {
        let mark = if *optional { "?" } else { "" };
        let _ = writeln!(text, "---@param {name}{mark} {sort}");
    }
    if let Some(sort) = types::of(name) {
        let _ = writeln!(text, "---@return {sort}");
    }
    let names: Vec<&str> = parameters.iter().map(|p| &*p.name).collect();
    text + &format!("function {written}({}) end\n\n", names.join(", "))
}

fn parameters(name: &str, entry: &Entry, settings: &[Described]) -> Vec<Parameter> {
    let mut parameters = signature::parameters(entry.arguments);
    let described = settings.iter().find(|d| d.function == name);
    for parameter in &mut parameters {
        match (&*parameter.name, described) {
            ("settings", Some(described)) => {
                parameter.sort = settings_name(described.function);
                parameter.optional = !types::HELD
                    .iter()
                    .any(|(f, _, sort)| *f == name && sort.starts_with('!'));
            }
            (own, _) => types::parameter(name, own).clone_into(&mut parameter.sort),
        }
    }
    parameters
}

/// The global itself.
fn library(page: &Page, settings: &[Described], components: &[Component]) -> String {
    let mut fields = String::new();
    let mut functions = String::new();
    for (name, entry) in &page.entries {
        let Some(own) = name.strip_prefix("lapidary.") else {
            continue;
        };
        if entry.arguments.is_empty() {
            let sort = types::of(name).unwrap_or("any");
            let _ = writeln!(fields, "---@field {own} {sort} {}", one_line(&entry.text));
            continue;
        }
        for component in components.iter().filter(|c| c.function == own) {
            let (class, made) = (component_name(component), types::of(name).unwrap_or("any"));
            let mark = if own == "prompt" { "" } else { "?" };
            let _ = writeln!(
                functions,
                "---@overload fun(name: \"{}\", settings{mark}: {class}): {made}",
                component.name
            );
        }
        functions += &function(name, name, entry, settings);
    }
    format!("---What scripts can do.\n---@class lapidary\n{fields}lapidary = {{}}\n\n{functions}")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
