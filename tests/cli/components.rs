//! `plugins`, `describe` and `doctor`: what is loaded, what is refused; the ranges of settings.

use lapidary_core::Error;
use lapidary_core::plugin::Registry;
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::{
    BackboneContext, BaseEmbedderContext, LlmContext, PromptStrategyContext, ReducerContext,
};
use lapidary_testkit::library::plugin_library;
use serde_json::json;

use super::*;

fn refusals(listing: &Value) -> Vec<String> {
    let refused = listing["refused"].as_array().unwrap().iter();
    refused
        .map(|r| r["file"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_refused_file_is_told_and_the_others_load() {
    let at = folder();
    let all = json_of(&at, &["plugins", "--json"]);
    fs::create_dir(at.path().join("more")).unwrap();
    fs::write(at.path().join("more/broken.so"), "not a library").unwrap();

    let listing = json_of(&at, &["plugins", "--json", "--plugin-dir", "more"]);
    assert_eq!(keys(&listing), ["format", "components", "refused"]);
    assert_eq!(listing["components"], all["components"]);
    assert!(!listing["components"].as_array().unwrap().is_empty());
    let refused = &listing["refused"][0];
    assert_eq!(keys(refused), ["file", "code", "message"]);
    assert_eq!(refused["code"], "plugin_not_a_library");
    assert!(refused["message"].as_str().unwrap().contains("broken.so"));

    let report = json_of(&at, &["doctor", "--json", "--plugin-dir", "more"]);
    assert_eq!(report["plugins"]["refused"][0], *refused);

    let plain = run(&at, &["plugins", "--plugin-dir", "more"]).code(0);
    assert!(stderr(&plain).contains("refused: "), "{}", stderr(&plain));
    assert_eq!(
        stdout(&plain).lines().count(),
        all["components"].as_array().unwrap().len()
    );
    let plain = stdout(&run(&at, &["doctor", "--plugin-dir", "more"]).code(0));
    assert!(
        plain.contains("refused") && plain.contains("broken.so"),
        "{plain}"
    );
}

#[test]
fn the_working_directory_is_never_searched() {
    let at = folder();
    fs::write(at.path().join("broken.so"), "not a library").unwrap();
    let listing = json_of(&at, &["plugins", "--json"]);
    assert_eq!(refusals(&listing), Vec::<String>::new());
    let report = json_of(&at, &["doctor", "--json"]);
    let own = fs::canonicalize(at.path()).unwrap();
    let searched = report["plugins"]["searched"].as_array().unwrap();
    assert!(
        searched.iter().all(|dir| dir.as_str() != own.to_str()),
        "{searched:?}"
    );
}

#[test]
fn the_variable_names_folders_too() {
    let at = folder();
    fs::write(at.path().join("broken.so"), "not a library").unwrap();
    let mut command = lapidary(&at);
    command
        .args(["plugins", "--json"])
        .env("LAPIDARY_PLUGIN_PATH", at.path());
    let listing: Value = serde_json::from_str(&stdout(&command.assert().code(0))).unwrap();
    assert_eq!(refusals(&listing).len(), 1);
}

#[test]
fn components_are_listed_by_kind_and_name() {
    let at = folder();
    let listing = json_of(&at, &["plugins", "--json"]);
    let components = listing["components"].as_array().unwrap();
    let names: Vec<(&str, &str)> = components
        .iter()
        .map(|c| (c["kind"].as_str().unwrap(), c["name"].as_str().unwrap()))
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    assert!(names.contains(&("reducer", "pca")), "{names:?}");
    assert_eq!(keys(&components[0]), ["kind", "name", "summary", "plugin"]);
    assert_eq!(
        keys(&components[0]["plugin"]),
        ["name", "version", "place", "file"]
    );
}

#[test]
fn a_component_is_described() {
    let at = folder();
    let answer = json_of(&at, &["describe", "sasrec", "--kind", "backbone", "--json"]);
    assert_eq!(keys(&answer), ["format", "components"]);
    let component = &answer["components"][0];
    let expected = [
        "kind", "name", "summary", "plugin", "settings", "defaults", "schema", "methods",
    ];
    assert_eq!(keys(component), expected);
    let settings = component["settings"].as_array().unwrap();
    let layers = settings.iter().find(|s| s["name"] == "layers").unwrap();
    assert_eq!(layers["type"], "integer");
    assert_eq!(layers["default"], component["defaults"]["layers"]);
    assert!(!layers["help"].as_str().unwrap().is_empty());

    let plain = stdout(&run(&at, &["describe", "sasrec"]).code(0));
    assert!(plain.starts_with("backbone `sasrec`, from "), "{plain}");
    assert!(
        plain.contains("layers") && plain.contains("integer"),
        "{plain}"
    );
}

#[test]
fn an_unknown_name_is_wrong_use_and_shows_the_nearest() {
    let at = folder();
    refused(
        &at,
        &["describe", "sasrek"],
        2,
        &["unknown component `sasrek`", "did you mean `sasrec`?"],
    );
    refused(
        &at,
        &["describe", "pca", "--kind", "backbone"],
        2,
        &["unknown backbone `pca`"],
    );
}

/// All components that come with Lapidary.
fn shipped() -> Registry {
    let mut registry = Registry::empty();
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    for plugin in fs::read_dir(plugins).unwrap() {
        let name = plugin.unwrap().file_name();
        let library = plugin_library(name.to_str().unwrap());
        registry.load_file(&library).unwrap();
    }
    registry
}

/// Settings without which a component cannot be made.
fn needed(name: &str) -> Value {
    let model =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins/llm_local/tests/fixtures/tiny_llama");
    match name {
        "local" => json!({ "model": model }),
        "openai" => json!({ "model": "m", "price_input_per_million": 1 }),
        _ => json!({}),
    }
}

fn make(registry: &Registry, kind: Kind, name: &str, settings: &Value) -> Result<(), Error> {
    let (device, seed, dim) = ("cpu".to_owned(), 0, 8);
    let attribute = json!({
        "name": "humour", "description": "How funny it is.", "low": "grave", "high": "funny", "phrases": ["humour"]
    });
    let attributes = json!({
        "domain": "films", "item": "film", "items": "films", "verb": "watched", "attributes": [attribute]
    });
    match kind {
        Kind::Backbone => {
            let max_len = 4;
            let context = BackboneContext {
                dim,
                max_len,
                device,
            };
            registry.backbone(name, settings, &context).map(drop)
        }
        Kind::BaseEmbedder => {
            let n_items = 9;
            let context = BaseEmbedderContext {
                dim,
                n_items,
                seed,
                device,
            };
            registry.base_embedder(name, settings, &context).map(drop)
        }
        Kind::Llm => {
            let model_dirs = Vec::new();
            let context = LlmContext { device, model_dirs };
            registry.llm(name, settings, &context).map(drop)
        }
        Kind::PromptStrategy => {
            let attributes = serde_json::from_value(attributes).unwrap();
            let context = PromptStrategyContext { attributes };
            registry.prompt_strategy(name, settings, &context).map(drop)
        }
        Kind::Reducer => {
            let context = ReducerContext { seed };
            registry.reducer(name, settings, &context).map(drop)
        }
    }
}

/// Whether the host refuses a value; what the component alone refuses is a fault.
fn is_refused(registry: &Registry, (kind, name): (Kind, &str), key: &str, value: &Value) -> bool {
    let mut settings = needed(name);
    settings[key] = value.clone();
    match make(registry, kind, name, &settings) {
        Ok(()) => false,
        Err(Error::Setting { reason, .. }) => {
            let told = format!("`{key}`: must be ");
            assert!(
                reason.starts_with(&told),
                "{kind} `{name}`, {key} = {value}: {reason}"
            );
            true
        }
        Err(other) => panic!("{kind} `{name}`, {key} = {value} passed the schema: {other}"),
    }
}

#[test]
fn schemas_tell_the_ranges_that_components_check() {
    let registry = shipped();
    for about in registry.entries().map(|entry| &entry.description) {
        let of = (about.kind, about.name.as_str());
        make(&registry, of.0, of.1, &needed(of.1)).unwrap();
        for (key, schema) in about.settings["properties"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let sort = schema["type"].to_string();
            let is_refused = |value: Value| is_refused(&registry, of, key, &value);
            let values = match (sort.contains("\"integer\""), sort.contains("\"number\"")) {
                (true, _) => vec![json!(-1), json!(0), json!(1)],
                (_, true) => vec![json!(-0.5), json!(0), json!(0.5), json!(1), json!(1e9)],
                _ => continue,
            };
            for value in values {
                is_refused(value);
            }
            assert!(
                is_refused(json!(-1_000_000_000)),
                "{of:?} `{key}` has no lower bound"
            );
            for bound in ["minimum", "maximum"].iter().filter_map(|b| schema.get(b)) {
                assert!(!is_refused(bound.clone()), "{of:?} `{key}` = {bound}");
            }
            let limits = ["exclusiveMinimum", "exclusiveMaximum"];
            for limit in limits.iter().filter_map(|b| schema.get(b)) {
                assert!(is_refused(limit.clone()), "{of:?} `{key}` = {limit}");
            }
        }
    }
}
