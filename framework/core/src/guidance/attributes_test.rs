#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const GOOD: &str = r#"domain = "movies"
item = "movie"
items = "movies"
verb = "watched"

[[attributes]]
name = "humor"
description = "How funny it is."
low = "serious"
high = "hilarious"
phrases = ["humor", "comic timing"]

[[attributes]]
name = "scares"
description = "How frightening it is."
low = "harmless"
high = "terrifying"
phrases = ["scares"]
"#;

fn refused(change: impl Fn(&str) -> String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, change(GOOD)).unwrap();
    let message = load(&path).unwrap_err().to_string();
    let place = format!("{}:", path.display());
    assert!(message.starts_with(&place), "{message}");
    message[place.len()..].to_owned()
}

#[test]
fn a_good_set_is_read() {
    let set = parse(GOOD).unwrap();
    assert_eq!(set.verb, "watched");
    let names: Vec<_> = set.attributes.iter().map(|a| &a.name).collect();
    assert_eq!(names, ["humor", "scares"]);
    assert_eq!(set.attributes[0].phrases, ["humor", "comic timing"]);
}

#[test]
fn bad_sets_are_refused_with_line_and_key() {
    let replaced = |from: &'static str, to: &'static str| refused(|t| t.replacen(from, to, 1));
    let cases = [
        (
            replaced("verb", "verbs"),
            "4: unknown key `verbs`; did you mean `verb`",
        ),
        (
            replaced("phrases =", "phrase ="),
            "11: unknown key `phrase`; did you mean `phrases`?",
        ),
        (
            replaced("\"scares\"\ndesc", "\"humor\"\ndesc"),
            "14: attribute `humor` stands here a second time",
        ),
        (
            replaced("[\"scares\"]", "[]"),
            "18: `scares` has no phrases",
        ),
        (
            replaced("[\"scares\"]", "[\"fear\",\n \" \"]"),
            "19: `phrases`: \" \" is empty",
        ),
        (
            replaced("[\"scares\"]", "[\" scares\"]"),
            "18: `phrases`: \" scares\" begins or ends with a space",
        ),
        (
            replaced("[\"scares\"]", "[\"humor\"]"),
            "18: phrase `humor` stands here a second time",
        ),
        (
            replaced("name = \"humor\"", "name = \"Humor!\""),
            "7: `name`: `Humor!` is no name",
        ),
        (
            replaced("low = \"serious\"\n", ""),
            "6: key `low` is missing",
        ),
        (
            replaced("low = \"serious\"", "low = 3"),
            "9: expected a text, found 3",
        ),
        (replaced("domain =", "domain"), "1: "),
        (
            refused(|t| t.split("[[").next().unwrap().to_owned()),
            "1: key `attributes` is missing",
        ),
        (
            refused(|t| t.split("\n[[").next().unwrap().to_owned() + "attributes = []"),
            "5: `attributes` is empty",
        ),
    ];
    for (found, wanted) in cases {
        assert!(found.starts_with(wanted), "wanted {wanted}\nfound  {found}");
    }
}

#[test]
fn keys_that_cannot_be_used_hide_no_bad_value() {
    let told = refused(|text| {
        let text = text.replacen("item =", "verbs = 1\nitem =", 1);
        let text = text.replacen("\"humor\"\ndesc", "\"Humor!\"\ndesc", 1);
        text.replacen("[\"scares\"]", "[\"humor\"]", 1)
    });
    let lines = told.lines().filter(|line| !line.starts_with("  "));
    let lines: Vec<&str> = lines
        .filter_map(|line| line.split_once("toml:"))
        .map(|(_, at)| at)
        .collect();
    assert!(told.contains("3 problems"), "{told}");
    assert!(lines[0].starts_with("2: unknown key `verbs`"), "{told}");
    assert!(
        lines[1].starts_with("8: `name`: `Humor!` is no name"),
        "{told}"
    );
    assert!(
        lines[2].starts_with("19: phrase `humor` stands here a second"),
        "{told}"
    );
}

#[test]
fn the_sets_of_this_project_can_be_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/attributes");
    for domain in ["movies", "games", "clothing", "books"] {
        let set = load(&folder.join(format!("{domain}.toml"))).unwrap();
        assert_eq!(set.domain, domain);
        assert!((8..=18).contains(&set.attributes.len()), "{domain}");
        for attribute in &set.attributes {
            assert!(
                (3..=6).contains(&attribute.phrases.len()),
                "{}",
                attribute.name
            );
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let message = load(Path::new("/nowhere/a.toml")).unwrap_err().to_string();
    assert!(message.starts_with("/nowhere/a.toml: "), "{message}");
}
