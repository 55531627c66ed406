//! `lapidary describe`

use std::collections::BTreeSet;

use lapidary_core::Error;
use lapidary_core::plugin::{Entry, Registry};
use lapidary_sdk::{Kind, Method};
use serde::Serialize;
use serde_json::Value;

use crate::args::Describe;
use crate::components::{self, Found, Source};
use crate::failure::Failure;
use crate::output;
use crate::settings::{self, Setting};

/// `lapidary describe --json`
#[derive(Serialize)]
struct Answer<'a> {
    format: u32,
    components: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Component<'a> {
    kind: &'static str,
    name: &'a str,
    summary: &'a str,
    plugin: Source<'a>,
    settings: Vec<Setting>,
    defaults: &'a Value,
    schema: &'a Value,
    methods: &'a [Method],
}

impl<'a> Component<'a> {
    fn of(entry: &'a Entry) -> Self {
        let about = &entry.description;
        Self {
            kind: about.kind.name(),
            name: &about.name,
            summary: &about.summary,
            plugin: Source::of(entry),
            settings: settings::settings(&about.settings, &about.defaults),
            defaults: &about.defaults,
            schema: &about.settings,
            methods: &about.methods,
        }
    }
}

/// Shows the components of a name.
///
/// # Errors
/// When there is none, with the nearest names.
pub fn execute(command: &Describe) -> Result<(), Failure> {
    let found = components::load_here(&command.search)?;
    let components = matching(&found.registry, command.kind, &command.name);
    if components.is_empty() {
        return Err(unknown(&found, command.kind, &command.name));
    }
    if command.json {
        return output::print_json(&Answer {
            format: output::FORMAT,
            components,
        });
    }
    let texts: Vec<String> = components.iter().map(text).collect();
    output::print(&texts.join("\n"))
}

/// The same text for all components of a name; nothing where there is none.
pub fn texts(registry: &Registry, name: &str) -> Option<String> {
    let components = matching(registry, None, name);
    let texts: Vec<String> = components.iter().map(text).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// The components of that name, of one kind or of all.
fn matching<'a>(registry: &'a Registry, kind: Option<Kind>, name: &str) -> Vec<Component<'a>> {
    (registry.entries())
        .filter(|entry| entry.description.name == name)
        .filter(|entry| kind.is_none_or(|kind| kind == entry.description.kind))
        .map(Component::of)
        .collect()
}

fn unknown(found: &Found, kind: Option<Kind>, name: &str) -> Failure {
    let all = || {
        found
            .registry
            .entries()
            .map(|entry| &entry.description.name)
    };
    let error = match kind.map(|kind| found.registry.entry(kind, name)) {
        Some(Err(error)) => error,
        _ => Error::unknown("component", name, all().collect::<BTreeSet<_>>()),
    };
    let failure = Failure::from(error).into_usage();
    match found.report.refused.len() {
        0 => failure.hint("`lapidary plugins` lists all components"),
        n => failure.hint(format!(
            "`lapidary plugins` lists all components, and why {n} files or folders were refused"
        )),
    }
}

fn text(component: &Component) -> String {
    let Component {
        kind,
        name,
        summary,
        plugin,
        settings,
        ..
    } = component;
    let mut text = format!("{kind} `{name}`, from {plugin}\n  {summary}\n");
    if settings.is_empty() {
        return text + "\n  no settings\n";
    }
    let pairs: Vec<(String, String)> = (settings.iter())
        .map(|setting| {
            let about = format!("{}\n{}", setting.summary(), setting.help);
            (setting.name.clone(), about.trim_end().to_owned())
        })
        .collect();
    text += "\n  settings\n";
    text + &output::pairs("    ", &pairs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use lapidary_core::plugin::{Factory, Origin, Place};
    use lapidary_sdk::Description;

    /// A registry with a reducer and a base embedder, both named `twin`; neither can be made.
    fn registry() -> Registry {
        let mut registry = Registry::empty();
        let refuse = || lapidary_sdk::Error::invalid("only described here");
        let factories = [
            Factory::Reducer(Box::new(move |_, _| Err(refuse()))),
            Factory::BaseEmbedder(Box::new(move |_, _| Err(refuse()))),
        ];
        for factory in factories {
            let description = Description {
                kind: factory.kind(),
                name: "twin".to_owned(),
                summary: "One of two.".to_owned(),
                settings: serde_json::json!({"type": "object", "properties": {}}),
                defaults: serde_json::json!({}),
                methods: lapidary_sdk::kinds::methods(factory.kind()),
            };
            let origin = Origin {
                plugin: "test".to_owned(),
                version: "1".to_owned(),
                place: Place::Linked,
            };
            registry.add(description, origin, factory).unwrap();
        }
        registry
    }

    #[test]
    fn a_name_of_several_kinds_shows_each() {
        let registry = registry();
        let kinds = |kind| -> Vec<_> {
            (matching(&registry, kind, "twin").iter())
                .map(|c| c.kind)
                .collect()
        };
        assert_eq!(kinds(None), ["base_embedder", "reducer"]);
        assert_eq!(kinds(Some(Kind::Reducer)), ["reducer"]);
        assert!(kinds(Some(Kind::Llm)).is_empty());
        let text = text(&matching(&registry, Some(Kind::Reducer), "twin")[0]);
        assert_eq!(
            text,
            "reducer `twin`, from test 1, linked in\n  One of two.\n\n  no settings\n"
        );
    }
}
