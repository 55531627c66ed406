//! `plugins`, `describe` and `doctor`: what is loaded, what is refused.

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
