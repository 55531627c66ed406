//! What ran, and how runs differ.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::Told;
use super::Names;
use crate::words;
/// A run's card.
#[derive(Serialize)]
pub struct Card {
    letter: String,
    name: String,
    outcome: String,
    message: Option<String>,
    command: String,
    rows: Vec<(&'static str, String)>,
    components: Vec<Component>,
    plugins: Vec<(String, String)>,
    seeds: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Component {
    name: String,
    settings: Vec<(String, String)>,
}

/// A setting of the scripts, with its value in each run.
#[derive(Serialize)]
pub struct Setting {
    name: String,
    values: Vec<String>,
    differs: bool,
}

/// One card a run.
pub fn view(told: &[Told], names: Names) -> Vec<Card> {
    let cards = told.iter().enumerate();
    cards.map(|(n, told)| card(told, names.letter(n))).collect()
}

fn card(told: &Told, letter: String) -> Card {
    let run = &told.report.run;
    let hash: String = run.script_sha256.chars().take(12).collect();
    let versions: Vec<String> = (run.versions.iter())
        .map(|(name, version)| format!("{name} {}", words::value(version)))
        .collect();
    let mut rows = vec![
        ("script", format!("{} ({hash})", run.script)),
        ("began", words::moment(&run.started)),
    ];
    rows.extend(run.seconds.map(|s| ("took", words::duration(s))));
    rows.extend(run.seed.map(|seed| ("seed", seed.to_string())));
    rows.push(("device", format!("{}, {} threads", run.device, run.threads)));
    rows.push(("versions", versions.join(", ")));
    let components = run.components.iter().map(|part| {
        let settings = part.settings.as_object().into_iter().flatten();
        Component {
            name: format!("{} {}", part.kind.replace('_', " "), part.name),
            settings: settings
                .map(|(key, value)| (key.clone(), words::value(value)))
                .collect(),
        }
    });
    let plugins = run.plugins.iter().map(|plugin| {
        let hash = plugin.sha256.iter().map(|h| h.chars().take(12).collect());
        let version = plugin.version.clone();
        let told: Vec<String> = version.into_iter().chain(hash).collect();
        (plugin.name.clone(), told.join(", "))
    });
    let seeds = run.seeds.iter();
    Card {
        letter,
        name: run.name.clone(),
        outcome: run.outcome.clone(),
        message: run.message.clone(),
        command: run.command.join(" "),
        rows,
        components: components.collect(),
        plugins: plugins.collect(),
        seeds: seeds.map(|(k, v)| (k.clone(), words::value(v))).collect(),
    }
}

/// The settings of all scripts by name; those that differ first.
pub fn settings(told: &[Told]) -> Vec<Setting> {
    let keys: BTreeSet<&String> = (told.iter())
        .flat_map(|told| told.report.run.settings.keys())
        .collect();
    let mut rows: Vec<Setting> = (keys.into_iter())
        .map(|key| {
            let value = |told: &Told| {
                let value = told.report.run.settings.get(key);
                value.map_or_else(|| "–".to_owned(), words::value)
            };
            let values: Vec<String> = told.iter().map(value).collect();
            Setting {
                name: key.clone(),
                differs: values.windows(2).any(|pair| pair[0] != pair[1]),
                values,
            }
        })
        .collect();
    rows.sort_by_key(|row| !row.differs);
    rows
}
