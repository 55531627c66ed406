//! A description speaks for itself, and settings that it does not know are refused.

use lapidary_core::plugin::{Entry, Registry};
use serde_json::{Map, json};

use super::Case;
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const DESCRIPTION: Rule = Rule::new(
    "description",
    Section::Describe,
    "give the component a sentence as `summary`, each setting a `description` in the schema, and the manifest a version",
);
const SETTINGS: Rule = Rule::new(
    "settings",
    Section::Describe,
    "let the schema refuse keys that it does not name, and `defaults` hold a value for each setting that fits it",
);

/// Checks what a component says of itself. Whether there is one of that name, so that the rest can be checked.
pub(super) fn describes_itself(suite: &mut Suite<'_>, registry: &Registry, case: &Case) -> bool {
    let entry = registry.entry(case.kind, &case.name);
    let there = entry.is_ok();
    suite.check(DESCRIPTION, |_| is_told(entry?));
    if there {
        suite.check(SETTINGS, |_| are_checked(registry, case));
    }
    there
}

fn is_told(entry: &Entry) -> Checked {
    let description = &entry.description;
    holds(description.summary.len() > 10, || {
        format!("its summary says too little: `{}`", description.summary)
    })?;
    holds(!entry.origin.version.is_empty(), || {
        "its plugin has no version".to_owned()
    })?;
    let empty = Map::new();
    let properties = description.settings["properties"].as_object();
    for (key, property) in properties.unwrap_or(&empty) {
        let text = property["description"].as_str().unwrap_or_default();
        holds(!text.is_empty(), || {
            format!("the setting `{key}` has no description")
        })?;
    }
    Ok(())
}

fn are_checked(registry: &Registry, case: &Case) -> Checked {
    let unknown = registry.settings(case.kind, &case.name, &json!({ "no_such_setting": 1 }));
    let Err(error) = unknown else {
        return Err(Fault::new("it takes a setting that it does not name"));
    };
    let message = error.to_string();
    holds(message.contains("no_such_setting"), || {
        format!("a setting that it does not know is refused without its name: {message}")
    })?;
    let defaults = &registry.entry(case.kind, &case.name)?.description.defaults;
    registry.settings(case.kind, &case.name, defaults)?;
    Ok(())
}
