//! Finds the components to check, and checks them.

use std::collections::BTreeSet;
use std::path::Path;

use lapidary_core::plugin::{Entry, Registry};
use lapidary_core::{Error, device};
use lapidary_script::components as lua;
use lapidary_sdk::Kind;
use lapidary_testkit::conformance::{self, Case, Depth};
use serde_json::{Map, Value};

use super::journal::Journal;
use crate::args::CheckPlugin;
use crate::failure::Failure;
use crate::{components, places};

/// Runs the checks in this process, and notes each in the journal.
///
/// # Errors
/// When there is nothing of that name.
pub(super) fn run(command: &CheckPlugin, journal: &Path) -> Result<(), Failure> {
    let mut journal = Journal::open(journal)
        .map_err(|e| Failure::failed(format!("{}: {e}", journal.display())))?;
    device::open_gpu_library();
    let Some((registry, found)) = find(command, &mut journal)? else {
        // The journal says why.
        journal.done();
        return Ok(());
    };
    let chosen = chosen(command, &registry, found)?;
    let model_dirs = places::model_dirs();
    let model_dirs: Vec<String> = model_dirs
        .iter()
        .map(|dir| dir.display().to_string())
        .collect();
    for (kind, name) in chosen {
        let case = Case {
            settings: settings(command, registry.entry(kind, &name)?),
            kind,
            name,
            model_dirs: model_dirs.clone(),
        };
        conformance::run(&registry, &case, Depth::All, &mut journal);
    }
    journal.done();
    Ok(())
}

type Named = (Kind, String);

/// The components of the file, or those of that name; none where the file was refused.
fn find(
    command: &CheckPlugin,
    journal: &mut Journal,
) -> Result<Option<(Registry, Vec<Named>)>, Failure> {
    let path = &command.plugin;
    if is_path(path) {
        let (_, registry) = match path.extension().is_some_and(|e| e == "lua") {
            true => conformance::load(path, lua::add_file, journal),
            false => conformance::load(path, |r, path| Ok(r.load_file(path)?.map(drop)), journal),
        };
        return Ok(registry.map(|registry| {
            let all = registry.entries().map(named).collect();
            (registry, all)
        }));
    }
    let name = path.to_string_lossy();
    let found = components::load_here(&command.search)?;
    let of = |wanted: &dyn Fn(&&Entry) -> bool| -> Vec<Named> {
        found.registry.entries().filter(wanted).map(named).collect()
    };
    let mut all = of(&|entry| entry.description.name == name);
    if all.is_empty() {
        all = of(&|entry| entry.origin.plugin == name);
    }
    if all.is_empty() {
        let entries = || found.registry.entries();
        let known: BTreeSet<&String> = entries()
            .map(|e| &e.description.name)
            .chain(entries().map(|e| &e.origin.plugin))
            .collect();
        let failure = Failure::from(Error::unknown("component or plugin", &name, known));
        return Err(failure.into_usage().hint(
            "give the path of a built library to check it, such as target/debug/libmine.so; `lapidary plugins` lists what is found",
        ));
    }
    Ok(Some((found.registry, all)))
}

/// Whether a file is meant: one that is there, or a name that no component can have.
fn is_path(plugin: &Path) -> bool {
    plugin.exists() || plugin.extension().is_some() || plugin.components().count() > 1
}

fn named(entry: &Entry) -> Named {
    (entry.description.kind, entry.description.name.clone())
}

/// Those that `--component` leaves. Settings go to one component alone.
fn chosen(
    command: &CheckPlugin,
    registry: &Registry,
    found: Vec<Named>,
) -> Result<Vec<Named>, Failure> {
    let names: Vec<String> = found.iter().map(|(_, name)| name.clone()).collect();
    let chosen: Vec<Named> = match &command.component {
        None => found,
        Some(wanted) => found.into_iter().filter(|(_, n)| n == wanted).collect(),
    };
    if let (Some(wanted), true) = (&command.component, chosen.is_empty()) {
        return Err(Failure::from(Error::unknown("component", wanted, names)).into_usage());
    }
    if !command.set.is_empty() {
        let [(kind, name)] = chosen.as_slice() else {
            let all = names.join(", ");
            let message = format!("--set needs one component, but there are {all}");
            return Err(Failure::usage(message).hint("choose one with --component NAME"));
        };
        let given = settings(command, registry.entry(*kind, name)?);
        registry
            .settings(*kind, name, &given)
            .map_err(|e| Failure::from(e).into_usage())?;
    }
    Ok(chosen)
}

/// The values of `--set`: texts where the schema wants a text alone, else JSON where it is any.
fn settings(command: &CheckPlugin, entry: &Entry) -> Value {
    let mut given = Map::new();
    for (key, value) in &command.set {
        let schema = &entry.description.settings["properties"][key];
        let read = match schema["type"] == "string" {
            true => None,
            false => serde_json::from_str(value).ok(),
        };
        let value = read.unwrap_or_else(|| Value::String(value.clone()));
        given.insert(key.clone(), value);
    }
    Value::Object(given)
}
