//! `lapidary annotations`

use lapidary_core::files;
use lapidary_core::plugin::Registry;
use lapidary_script::{Component, Field, annotations, makers};
use serde_json::Value;

use crate::args::Annotations;
use crate::failure::Failure;
use crate::settings::{Setting, settings};
use crate::{components, output};

/// Writes `lapidary.lua`: every function, and every setting of every component that was found.
///
/// # Errors
/// When it cannot be written.
pub fn execute(command: &Annotations) -> Result<(), Failure> {
    let found = components::load_here(&command.search)?;
    for refused in &found.report.refused {
        output::remark(&format!("refused: {}", refused.error));
    }
    let text = annotations(&described(&found.registry), &fields);
    let path = command.output.join("lapidary.lua");
    files::replace(&path, |new| {
        std::fs::write(new, &text).map_err(lapidary_core::Error::io(new))
    })?;
    output::print(&format!("{}\n", path.display()))
}

fn described(registry: &Registry) -> Vec<Component> {
    let mut all = Vec::new();
    for entry in registry.entries() {
        let about = &entry.description;
        let component = |function| Component {
            function,
            name: about.name.clone(),
            summary: about.summary.clone(),
            settings: fields(&about.settings, &about.defaults),
        };
        all.extend(
            makers(about.kind)
                .iter()
                .map(|function| component(function)),
        );
    }
    all
}

/// The settings of a schema; those inside a table are part of it.
fn fields(schema: &Value, defaults: &Value) -> Vec<Field> {
    let all = settings(schema, defaults);
    let outer = all.iter().filter(|setting| !setting.name.contains('.'));
    outer.map(field).collect()
}

fn field(setting: &Setting) -> Field {
    let default = match &setting.default {
        Value::Null => String::new(),
        value => format!(" Default {value}."),
    };
    Field {
        name: setting.name.clone(),
        sort: sort(setting),
        help: format!("{}{default}", setting.help),
    }
}

/// A type as annotations write it.
fn sort(setting: &Setting) -> String {
    if !setting.choices.is_empty() {
        let all: Vec<String> = setting.choices.iter().map(Value::to_string).collect();
        return all.join("|");
    }
    let words = setting.sort.split(" or ").filter(|word| *word != "nothing");
    words.map(lua_type).collect::<Vec<_>>().join("|")
}

fn lua_type(word: &str) -> String {
    if let Some(element) = word.strip_prefix("list of ") {
        return format!("{}[]", lua_type(element));
    }
    match word {
        "text" => "string",
        "list" => "any[]",
        "anything" => "any",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_annotations() {
        let of = |sort: &str, choices: Vec<Value>| sort_of(sort, choices);
        assert_eq!(of("integer or nothing", Vec::new()), "integer");
        assert_eq!(of("list of text", Vec::new()), "string[]");
        assert_eq!(
            of("integer or text or nothing", Vec::new()),
            "integer|string"
        );
        assert_eq!(
            of("text", vec!["pre".into(), "post".into()]),
            "\"pre\"|\"post\""
        );
    }

    fn sort_of(sort: &str, choices: Vec<Value>) -> String {
        super::sort(&Setting {
            name: String::new(),
            sort: sort.to_owned(),
            default: Value::Null,
            minimum: None,
            above: None,
            maximum: None,
            below: None,
            choices,
            help: String::new(),
        })
    }
}
