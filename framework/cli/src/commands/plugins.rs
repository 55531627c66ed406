//! `lapidary plugins`

use lapidary_core::plugin::Entry;
use serde::Serialize;

use crate::args::Plugins;
use crate::components::{self, Refusal, Source};
use crate::failure::Failure;
use crate::output;

/// `lapidary plugins --json`
#[derive(Serialize)]
struct Listing<'a> {
    format: u32,
    components: Vec<Component<'a>>,
    refused: Vec<Refusal>,
}

#[derive(Serialize)]
struct Component<'a> {
    kind: &'static str,
    name: &'a str,
    summary: &'a str,
    plugin: Source<'a>,
}

impl<'a> Component<'a> {
    fn of(entry: &'a Entry) -> Self {
        let about = &entry.description;
        Self {
            kind: about.kind.name(),
            name: &about.name,
            summary: &about.summary,
            plugin: Source::of(entry),
        }
    }
}

/// Lists components and, on standard error, what was refused.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Plugins) -> Result<(), Failure> {
    let found = components::load_here(&command.search)?;
    if command.json {
        return output::print_json(&Listing {
            format: output::FORMAT,
            components: found.registry.entries().map(Component::of).collect(),
            refused: Refusal::all(&found.report.refused),
        });
    }
    let rows: Vec<[String; 4]> = found.registry.entries().map(row).collect();
    output::print(&output::columns(&rows))?;
    if rows.is_empty() {
        let folders: Vec<_> = found
            .folders
            .iter()
            .map(|f| f.display().to_string())
            .collect();
        output::remark(&format!("no plugins in {}", folders.join(", ")));
    }
    for refused in &found.report.refused {
        output::remark(&format!("refused: {}", refused.error));
    }
    Ok(())
}

fn row(entry: &Entry) -> [String; 4] {
    let (about, from) = (&entry.description, &entry.origin);
    [
        about.kind.name().to_owned(),
        about.name.clone(),
        format!("{} {}", from.plugin, from.version),
        about.summary.clone(),
    ]
}
