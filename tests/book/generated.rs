//! The reference is what the program says of itself.

use std::fmt::Write;

use serde_json::Value;

use super::Reader;
use super::book;

fn said(reader: &Reader, arguments: &[&str]) -> String {
    let output = reader.command("lapidary").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// The commands that a help text lists, with those below them.
fn commands(reader: &Reader, above: &[&str], page: &mut String) {
    let help = said(reader, &[above, &["--help"]].concat());
    let title = [&["lapidary"], above].concat().join(" ");
    let _ = write!(page, "\n## `{title}`\n\n```text\n{help}```\n");
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = listed.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.trim().split(' ').next());
    for name in names.filter(|name| *name != "help") {
        commands(reader, &[above, &[name]].concat(), page);
    }
}

/// The settings of all components of the plugins that come with Lapidary.
fn components(reader: &Reader) -> String {
    let mut page = "# Components\n\nWhat `lapidary describe` says of each component that comes with Lapidary.\n".to_owned();
    let listing: Value = serde_json::from_str(&said(reader, &["plugins", "--json"])).unwrap();
    let mut kind = String::new();
    for component in listing["components"].as_array().unwrap() {
        let of = |key: &str| component[key].as_str().unwrap();
        if component["plugin"]["place"] != "library" {
            continue;
        }
        if kind != of("kind") {
            of("kind").clone_into(&mut kind);
            let _ = write!(page, "\n## {}\n", kind.replace('_', " "));
        }
        let _ = write!(page, "\n### `{}`\n\n{}\n", of("name"), of("summary"));
        let described = said(
            reader,
            &["describe", of("name"), "--kind", of("kind"), "--json"],
        );
        let described: Value = serde_json::from_str(&described).unwrap();
        page += &settings(&described["components"][0]["settings"]);
    }
    page
}

fn settings(settings: &Value) -> String {
    let all = settings.as_array().unwrap();
    if all.is_empty() {
        return "\nNo settings.\n".to_owned();
    }
    let mut table = "\n| setting | type | default | |\n|---|---|---|---|\n".to_owned();
    let cell = |text: String| text.replace('|', "\\|").replace('\n', " ");
    for setting in all {
        let text = |key: &str| setting[key].as_str().unwrap_or_default().to_owned();
        let choices: Vec<String> = (setting["choices"].as_array().into_iter().flatten())
            .map(|choice| format!("`{choice}`"))
            .collect();
        let sort = if choices.is_empty() {
            text("type") + &range(setting)
        } else {
            choices.join(", ")
        };
        let default = match &setting["default"] {
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let (name, help) = (text("name"), cell(text("help")));
        let _ = writeln!(
            table,
            "| `{name}` | {} | {} | {help} |",
            cell(sort),
            cell(default)
        );
    }
    table
}

/// The values that a setting may have, after its type.
fn range(setting: &Value) -> String {
    let bounds = [
        ("minimum", "at least"),
        ("above", "above"),
        ("maximum", "at most"),
        ("below", "below"),
    ];
    let words = bounds.iter().filter_map(|(key, word)| {
        let bound = setting[key].as_f64()?;
        Some(format!(", {word} {bound}"))
    });
    words.collect()
}

#[test]
fn the_reference_is_current() {
    let reader = Reader::new();
    let mut page = "# Commands\n\nWhat `lapidary help` says.\n".to_owned();
    commands(&reader, &[], &mut page);
    let pages = [("commands", page), ("components", components(&reader))];
    for (name, text) in pages {
        let path = book().join(format!("reference/{name}.md"));
        if std::env::var_os("LAPIDARY_UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{} is stale: renew it with `LAPIDARY_UPDATE=1 cargo test --test book the_reference`",
            path.display()
        );
    }
}
