//! What runs differ in.

use serde_json::{Value, json};

use super::record::Record;

/// Something that can differ between runs, such as a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Its value in each run; null where a run has none.
    pub values: Vec<Value>,
}

/// The facts in which runs differ: settings first, then how they were started, data, components, code.
pub fn differing(runs: &[&Record]) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        for (name, value) in told(run) {
            let at = facts.iter().position(|fact| fact.name == name);
            let at = at.unwrap_or_else(|| {
                let values = vec![Value::Null; runs.len()];
                facts.push(Fact { name, values });
                facts.len() - 1
            });
            facts[at].values[number] = value;
        }
    }
    let differs = |fact: &Fact| fact.values.iter().any(|value| *value != fact.values[0]);
    let mut facts: Vec<Fact> = facts.into_iter().filter(differs).collect();
    facts.sort_by_key(|fact| rank(&fact.name));
    facts
}

/// What names of facts begin with, in the order in which they are told; settings have none of these.
const SORTS: [&str; 6] = [
    "--",
    "script text",
    "data ",
    "component ",
    "plugin ",
    "version ",
];

fn rank(name: &str) -> usize {
    let sort = SORTS.iter().position(|sort| name.starts_with(sort));
    sort.map_or(0, |sort| sort + 1)
}

fn told(run: &Record) -> Vec<(String, Value)> {
    let mut told: Vec<(String, Value)> = Vec::new();
    for (name, value) in run.settings() {
        told.push((name.to_owned(), value.clone()));
    }
    told.push(("--seed".to_owned(), json!(run.seed())));
    told.push(("--device".to_owned(), json!(run.device())));
    if let Some(sum) = run.script_sha256() {
        told.push(("script text".to_owned(), json!(short(sum))));
    }
    for (name, data) in run.section("datasets") {
        let value = data["fingerprint"].as_str().map(short);
        told.push((format!("data {name}"), json!(value)));
    }
    components(run, &mut told);
    for (name, plugin) in run.section("plugins") {
        let version = plugin["version"].as_str().unwrap_or_default();
        let code = plugin["sha256"].as_str().map_or("linked in", short);
        told.push((
            format!("plugin {name}"),
            json!(format!("{version}, {code}")),
        ));
    }
    for (name, version) in run.section("versions") {
        told.push((format!("version {name}"), version.clone()));
    }
    told
}

/// Settings of components, by kind and name; several values where a run has a component with several.
fn components(run: &Record, told: &mut Vec<(String, Value)>) {
    for (_, component) in run.section("components") {
        let part = |key: &str| component[key].as_str().unwrap_or_default().to_owned();
        let settings = component["settings"].as_object();
        for (setting, value) in settings.into_iter().flatten() {
            let name = format!("component {} {}: {setting}", part("kind"), part("name"));
            match told.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => add(known, value),
                None => told.push((name, json!([value]))),
            }
        }
    }
    for (_, value) in told
        .iter_mut()
        .filter(|(name, _)| name.starts_with("component "))
    {
        if let Some([one]) = value.as_array().map(Vec::as_slice) {
            *value = one.clone();
        }
    }
}

fn add(values: &mut Value, value: &Value) {
    if let Some(values) = values.as_array_mut()
        && !values.contains(value)
    {
        values.push(value.clone());
    }
}

fn short(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}
