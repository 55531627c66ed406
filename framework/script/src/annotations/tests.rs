#![allow(clippy::unwrap_used, clippy::panic)]

use std::rc::Rc;

use lapidary_core::plugin::Registry;
use mlua::{Lua, Table, Value};
use tch::Device;

use super::*;
use crate::heap::Heap;
use crate::{Options, Repl, api};

/// Names of the properties, all of one type.
fn read(schema: &Json, _: &Json) -> Vec<Field> {
    let properties = schema["properties"].as_object().unwrap();
    let field = |(name, about): (&String, &Json)| Field {
        name: name.clone(),
        sort: "any".to_owned(),
        help: about["description"].as_str().unwrap_or_default().to_owned(),
    };
    properties.iter().map(field).collect()
}

fn whole() -> String {
    let component = Component {
        function: "reducer",
        name: "pca".to_owned(),
        summary: "Principal components.".to_owned(),
        settings: vec![Field {
            name: "centre".to_owned(),
            sort: "boolean".to_owned(),
            help: "Whether the mean is taken off.".to_owned(),
        }],
    };
    annotations(&[component], &read)
}

/// What stands in the class of that name: its fields, and the methods of the local that follows.
fn class_of<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text
        .split_once(&format!("---@class {name}\n"))
        .unwrap_or_else(|| panic!("no {name}"));
    rest.split("---@class ").next().unwrap()
}

#[test]
fn every_member_of_every_value_is_annotated() {
    let text = whole();
    for object in objects() {
        let class = class_of(&text, &class_name(&object));
        for member in object.members {
            let has = |start: String| class.contains(&start);
            assert!(
                has(format!("---@field {member} ")) || has(format!(":{member}(")),
                "{}:{member} is not in:\n{class}",
                object.receiver
            );
        }
    }
}

/// Whether a class has a field of that name, which may be left out or not.
fn has_field(class: &str, key: &str) -> bool {
    let mut fields = class
        .lines()
        .filter_map(|line| line.strip_prefix("---@field "));
    fields.any(|field| field.split([' ', '?']).next() == Some(key))
}

/// What a script has under `lapidary`, and what a component has.
fn members_of_lapidary() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        device: Device::Cpu,
        seed: None,
        dry_run: false,
        set: Vec::new(),
        store: folder.path().join("store"),
        runs: folder.path().join("runs"),
        registry: Registry::empty(),
        model_dirs: Vec::new(),
        command: Vec::new(),
        reads: None,
        child: Vec::new(),
        told: None,
    };
    let repl = Repl::start(options, Rc::new(|_: &Registry, _: &str| None)).unwrap();
    let (_, mut names) = repl.complete("lapidary.");
    let lua = Lua::new();
    api::install_for_component(&lua, &Heap::new(1 << 20), Device::Cpu).unwrap();
    let lapidary: Table = lua.globals().get("lapidary").unwrap();
    names.extend(
        lapidary
            .pairs::<String, Value>()
            .map(|pair| pair.unwrap().0),
    );
    names
}

#[test]
fn every_function_and_field_of_lapidary_is_annotated() {
    let text = whole();
    let class = class_of(&text, "lapidary");
    let names = members_of_lapidary();
    for name in ["backbone", "seed", "sweep", "tensor", "parameter"] {
        assert!(names.iter().any(|known| known == name), "{names:?}");
    }
    for name in names {
        let function = format!("\nfunction lapidary.{name}(");
        assert!(
            has_field(class, &name) || text.contains(&function),
            "lapidary.{name} is not annotated"
        );
    }
}

#[test]
fn every_type_is_known() {
    let page = Page::read();
    let mut unknown = Vec::new();
    for object in objects() {
        for member in object.members {
            let (entry, is_method) = page.entry(object.receiver, member).unwrap();
            let name = format!(
                "{}{}{member}",
                object.receiver,
                if is_method { ':' } else { '.' }
            );
            if types::of(&name).is_none() && !types::NOTHING.contains(&&*name) {
                unknown.push(name.clone());
            }
            unknown.extend(untyped(&name, entry));
        }
    }
    for (name, entry) in page
        .entries
        .iter()
        .filter(|(name, _)| name.starts_with("lapidary."))
    {
        if types::of(name).is_none() && !types::NOTHING.contains(&&**name) {
            unknown.push(name.clone());
        }
        unknown.extend(untyped(name, entry));
    }
    assert!(
        unknown.is_empty(),
        "give these a type in types.rs: {unknown:?}"
    );
}

fn untyped(name: &str, entry: &Entry) -> Vec<String> {
    let all = parameters(name, entry, &settings());
    let plain = all.iter().filter(|p| p.sort == "any");
    plain.map(|p| format!("{name}, {}", p.name)).collect()
}

#[test]
fn every_function_that_takes_a_table_of_settings_names_them() {
    let text = whole();
    for described in settings() {
        let class = class_of(&text, &settings_name(described.function));
        let properties = described.schema["properties"].as_object().unwrap();
        for key in properties.keys() {
            assert!(has_field(class, key), "{key}: {class}");
        }
    }
    for (function, key) in beside() {
        if settings().iter().any(|known| known.function == function) {
            let class = class_of(&text, &settings_name(&function));
            assert!(has_field(class, key), "{key}: {class}");
        }
    }
    assert!(text.contains("---@param settings? lapidary.settings.backbone.fit\n---@return lapidary.Model\nfunction Backbone:fit(split, refined, settings) end"));
    assert!(text.contains("---@param settings lapidary.settings.refine\n"));
}

#[test]
fn a_component_is_an_overload_of_the_function_that_takes_its_name() {
    let text = whole();
    assert!(text.contains(
        "---@overload fun(name: \"pca\", settings?: lapidary.reducer.pca): lapidary.Reducer"
    ));
    let class = class_of(&text, "lapidary.reducer.pca");
    assert!(class.contains("---@field centre? boolean Whether the mean is taken off."));
}
