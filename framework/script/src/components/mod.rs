//! Components written in Lua: a file defines one, and the host works with it as with any other.
//!
//! `API.md` says how such a file looks. [`add`] reads those of a folder into a registry; each instance then runs in a
//! Lua state of its own, in the sandbox of scripts.

mod backbone;
mod definition;
mod instance;
mod prompt_strategy;
mod reducer;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapidary_core::fingerprint::Fingerprint;
use lapidary_core::plugin::{Factory, Loaded, Origin, Place, Refused, Registry, Report};
use lapidary_core::{Error, Result};
use lapidary_sdk::Kind;

use instance::Source;

/// Name of the folder that is looked for beside scripts.
const FOLDER: &str = "components";

/// The folder of components that belongs to a place: `components` in it, or in the nearest folder above that has one.
pub fn folder_near(place: &Path) -> Option<PathBuf> {
    let place = place.canonicalize().ok()?;
    let folders = place.ancestors().map(|folder| folder.join(FOLDER));
    folders.into_iter().find(|folder| folder.is_dir())
}

/// Adds the component of each Lua file in a folder; those that cannot be used are refused and the others are added.
pub fn add(registry: &mut Registry, folder: &Path, report: &mut Report) {
    let files = match files(folder) {
        Ok(files) => files,
        Err(error) => {
            let path = folder.to_path_buf();
            return report.refused.push(Refused { path, error });
        }
    };
    for path in files {
        match add_file(registry, &path) {
            Ok(component) => report.loaded.push(Loaded {
                path,
                components: vec![component],
            }),
            Err(error) => report.refused.push(Refused { path, error }),
        }
    }
}

/// The Lua files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.extension().is_some_and(|e| e == "lua") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Adds the component of one file. What was read is what runs: editing the file later changes nothing in this process.
///
/// # Errors
/// [`Error::Data`] with file and line; as [`Registry::add`].
pub fn add_file(registry: &mut Registry, path: &Path) -> Result<(Kind, String)> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let code = Fingerprint::of_bytes(text.as_bytes());
    let origin = Origin {
        plugin: crate::error::chunk_name(path),
        version: code.short().chars().take(8).collect(),
        place: Place::Script(path.to_path_buf()),
    };
    let source = Rc::new(Source {
        path: shown(path),
        text,
    });
    let description = definition::read(&source)?;
    let added = (description.kind, description.name.clone());
    let factory = match description.kind {
        Kind::Backbone => Factory::Backbone(Box::new(move |settings, context| {
            backbone::create(&source, settings, context)
        })),
        Kind::PromptStrategy => Factory::PromptStrategy(Box::new(move |settings, context| {
            prompt_strategy::create(&source, settings, context)
        })),
        _ => Factory::Reducer(Box::new(move |settings, context| {
            reducer::create(&source, settings, context)
        })),
    };
    registry.add_read(description, origin, factory, Some(code))?;
    Ok(added)
}

/// The path as messages show it: from the working directory where it lies below.
fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| path.strip_prefix(here).ok());
    below.unwrap_or(path).to_path_buf()
}
