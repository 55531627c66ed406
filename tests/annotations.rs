//! `lapidary annotations` describes what scripts do: a checker of annotated Lua finds nothing in them, and finds mistakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod place;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lapidary_core::plugin::{Registry, SearchPath};
use lapidary_sdk::Kind;
use lapidary_testkit::programs::skipped;
use place::{Place, text, workspace};

/// Annotations for the plugins that come with Lapidary; the folder.
fn annotated(place: &Place) -> PathBuf {
    let folder = place.path("annotations");
    let output = Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .current_dir(&place.folder)
        .args(["annotations", "-o"])
        .arg(&folder)
        .arg("--plugin-dir")
        .arg(place.path("plugins"))
        .output()
        .unwrap();
    assert!(text(&output).contains("lapidary.lua"));
    folder
}

/// The classes of all components and the keys of their settings, from what the plugins say of themselves.
fn component_classes(place: &Place) -> Vec<(String, Vec<String>)> {
    let mut registry = Registry::empty();
    registry.load_dirs(SearchPath::from_parts(&[place.path("plugins")], None, None));
    let mut classes = Vec::new();
    for entry in registry.entries() {
        let about = &entry.description;
        let properties = about.settings["properties"].as_object();
        let mut keys: Vec<String> = properties
            .into_iter()
            .flat_map(|all| all.keys().cloned())
            .collect();
        let functions: &[&str] = match about.kind {
            Kind::Backbone => &["backbone", "base_embedder"],
            Kind::BaseEmbedder => &["base_embedder"],
            Kind::Llm => &["llm"],
            Kind::PromptStrategy => &["prompt"],
            Kind::Reducer => &["reducer"],
        };
        if about.kind == Kind::PromptStrategy {
            keys.push("attributes".to_owned());
        }
        let class = |function: &&str| (format!("lapidary.{function}.{}", about.name), keys.clone());
        classes.extend(functions.iter().map(class));
    }
    assert!(classes.len() > 20, "{classes:?}");
    classes
}

#[test]
fn every_setting_of_every_component_is_annotated() {
    let place = Place::new();
    let text = std::fs::read_to_string(annotated(&place).join("lapidary.lua")).unwrap();
    for expected in [
        "---@overload fun(name: \"sasrec\", settings?: lapidary.backbone.sasrec): lapidary.Backbone",
        "---@overload fun(name: \"sasrec\", settings?: lapidary.base_embedder.sasrec): lapidary.BaseEmbedder",
        "---@overload fun(name: \"score_phrases\", settings: lapidary.prompt.score_phrases): lapidary.PromptStrategy",
        "---@field attributes string The TOML file",
        "---@field norm? \"pre\"|\"post\"",
        "---@field loss? \"cross_entropy\"|",
        "---@field base_url? string",
        "---@field epochs? integer Passes over the training part at most. Default 200.",
    ] {
        assert!(text.contains(expected), "no `{expected}`");
    }
    for (class, keys) in component_classes(&place) {
        let (_, rest) = text
            .split_once(&format!("---@class {class}\n"))
            .expect(&class);
        let own = rest.split("---@class ").next().unwrap();
        let fields: Vec<&str> = own
            .lines()
            .filter_map(|line| line.strip_prefix("---@field ")?.split([' ', '?']).next())
            .collect();
        let missing: Vec<&String> = keys
            .iter()
            .filter(|key| !fields.contains(&key.as_str()))
            .collect();
        assert!(missing.is_empty(), "{class} lacks {missing:?}: {fields:?}");
    }
    let fields = text.lines().filter(|line| line.starts_with("---@field "));
    let vague = fields.filter(|line| line.split(' ').nth(2) == Some("any"));
    let vague: Vec<&str> = vague.filter(|line| !line.contains("[integer]")).collect();
    assert!(vague.len() <= 2, "{vague:?}");
}

/// Runs the checker over a folder; none where it is not on this machine.
fn check(place: &Place, scripts: &Path) -> Option<Output> {
    let checker =
        std::env::var("LAPIDARY_EMMYLUA_CHECK").unwrap_or_else(|_| "emmylua_check".to_owned());
    if Command::new(&checker).arg("--version").output().is_err() {
        skipped(&format!(
            "no {checker}; `cargo install emmylua_check`, or name it in LAPIDARY_EMMYLUA_CHECK"
        ));
        return None;
    }
    let config = place.path("luarc.json");
    let library = annotated(place);
    let settings = serde_json::json!({
        "runtime": { "version": "Lua5.4" },
        "workspace": { "library": [library] },
    });
    std::fs::write(&config, settings.to_string()).unwrap();
    let mut command = Command::new(checker);
    command
        .arg("--warnings-as-errors")
        .arg("-c")
        .arg(&config)
        .arg(scripts);
    Some(command.output().unwrap())
}

#[test]
fn the_checker_finds_nothing_in_our_scripts() {
    let place = Place::new();
    let Some(output) = check(&place, &workspace().join("scripts")) else {
        return;
    };
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{found}");
}

#[test]
fn the_checker_finds_a_misspelt_name_and_a_wrong_type() {
    let place = Place::new();
    let scripts = place.path("wrong");
    std::fs::create_dir(&scripts).unwrap();
    let script = "local data = lapidary.dataset('a.toml')\n\
        local split = data:leave_one_out { max_len = 'long' }\n\
        local base = lapidary.base_embedder('sasrec', { dim = 8 }):fitt(split)\n\
        print(base, lapidary.datasets)\n";
    std::fs::write(scripts.join("wrong.lua"), script).unwrap();
    let Some(output) = check(&place, &scripts) else {
        return;
    };
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    for expected in ["fitt", "datasets", "max_len"] {
        assert!(found.contains(expected), "no {expected}: {found}");
    }
}
