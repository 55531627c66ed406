//! `lapidary runs show`

use std::path::PathBuf;

use lapidary_core::run::Record;
use serde::Serialize;
use serde_json::Value;

use super::summary::{self, Summary};
use crate::args::Named;
use crate::failure::Failure;
use crate::{finding, output};

/// `lapidary runs show --json`
#[derive(Serialize)]
struct Shown<'a> {
    format: u32,
    run: Summary<'a>,
    command: Vec<&'a str>,
    record: PathBuf,
    tables: Vec<String>,
    datasets: &'a Value,
    components: &'a Value,
    artefacts: &'a Value,
    plugins: &'a Value,
    versions: &'a Value,
}

/// Shows a run.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Named) -> Result<(), Failure> {
    let folder = finding::find(&command.run, &command.among.runs)?;
    let run = Record::open(&folder)?;
    if command.json {
        let record = folder.join("run.json");
        return output::print_json(&Shown {
            format: output::FORMAT,
            run: Summary::of(&run)?,
            command: run.command(),
            record: std::path::absolute(&record).unwrap_or(record),
            tables: tables(&run),
            datasets: run.get("datasets"),
            components: run.get("components"),
            artefacts: run.get("artefacts"),
            plugins: run.get("plugins"),
            versions: run.get("versions"),
        });
    }
    output::print(&text(&run)?)
}

fn text(run: &Record) -> Result<String, Failure> {
    let sections = [
        ("settings", settings(run)),
        ("figures", figures(run)?),
        ("data sets", datasets(run)),
        ("components", components(run)),
        ("artefacts", artefacts(run)),
        ("plugins", plugins(run)),
        ("versions", versions(run)),
    ];
    let mut out = output::pairs("", &head(run));
    for (title, rows) in sections {
        if !rows.is_empty() {
            out += &format!("\n{title}\n{}", output::pairs("  ", &rows));
        }
    }
    Ok(out)
}

fn head(run: &Record) -> Vec<(String, String)> {
    let started = match summary::took(run.seconds()) {
        took if took.is_empty() => format!("{} UTC", summary::started(run)),
        took => format!("{} UTC, {took}", summary::started(run)),
    };
    let script = run.script().map(|script| script.display().to_string());
    let seed = run
        .seed()
        .map_or("not given".to_owned(), |seed| seed.to_string());
    let rows = [
        ("run", run.folder().display().to_string()),
        ("script", script.unwrap_or_default()),
        ("outcome", summary::outcome(run)),
        ("message", run.message().unwrap_or_default().to_owned()),
        ("started", started),
        ("command", run.command().join(" ")),
        ("device", run.device().to_owned()),
        ("threads", summary::plain(run.get("threads"))),
        ("seed", seed),
        ("of the sweep", summary::plain(run.get("sweep"))),
        ("tables", tables(run).join(", ")),
    ];
    let told = rows.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn settings(run: &Record) -> Vec<(String, String)> {
    let set: Vec<&str> = run.section("set").map(|(key, _)| key).collect();
    let row = |(key, value): (&str, &Value)| {
        let given = if set.contains(&key) { "  (--set)" } else { "" };
        (key.to_owned(), format!("{}{given}", summary::plain(value)))
    };
    run.settings().into_iter().map(row).collect()
}

fn figures(run: &Record) -> Result<Vec<(String, String)>, Failure> {
    let figures = run.figures()?.into_iter();
    Ok(figures
        .map(|f| (f.name(), summary::number(f.value)))
        .collect())
}

fn datasets(run: &Record) -> Vec<(String, String)> {
    let row = |(name, data): (&str, &Value)| {
        let path = summary::plain(&data["path"]);
        (
            name.to_owned(),
            format!("{} {path}", short(&data["fingerprint"])),
        )
    };
    run.section("datasets").map(row).collect()
}

fn components(run: &Record) -> Vec<(String, String)> {
    let row = |(_, component): (&str, &Value)| {
        let name = [&component["kind"], &component["name"]].map(summary::plain);
        let settings = component["settings"].as_object();
        let settings = settings.into_iter().flatten();
        let settings = settings.map(|(key, value)| format!("{key} {}", summary::plain(value)));
        (name.join(" "), settings.collect::<Vec<_>>().join(", "))
    };
    run.section("components").map(row).collect()
}

fn artefacts(run: &Record) -> Vec<(String, String)> {
    let row = |(key, note): (&str, &Value)| {
        let how = summary::plain(&note["how"]);
        let took = summary::took(note["seconds"].as_f64());
        (
            key.to_owned(),
            format!("{how} {took}").trim_end().to_owned(),
        )
    };
    run.section("artefacts").map(row).collect()
}

fn plugins(run: &Record) -> Vec<(String, String)> {
    let row = |(name, plugin): (&str, &Value)| {
        let version = summary::plain(&plugin["version"]);
        (
            name.to_owned(),
            format!("{version} {}", short(&plugin["sha256"])),
        )
    };
    run.section("plugins").map(row).collect()
}

fn versions(run: &Record) -> Vec<(String, String)> {
    let row = |(name, version): (&str, &Value)| (name.to_owned(), summary::plain(version));
    run.section("versions").map(row).collect()
}

fn short(fingerprint: &Value) -> String {
    let text = summary::plain(fingerprint);
    text.get(..16).unwrap_or(&text).to_owned()
}

/// Tables in its folder, by name.
fn tables(run: &Record) -> Vec<String> {
    let entries = std::fs::read_dir(run.folder().join("tables"));
    let paths = entries.into_iter().flatten().flatten().map(|e| e.path());
    let markdown = paths.filter(|path| path.extension().is_some_and(|e| e == "md"));
    let names = markdown.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
