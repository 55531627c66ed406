#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

const NAMES: [&str; 3] = ["humor", "scares", "plot_complexity"];

/// The three numbers that are read, and whether something was repaired.
fn read(text: &str) -> (Vec<Option<f64>>, bool) {
    let Some(found) = find(text, &NAMES) else {
        return (vec![None; 3], false);
    };
    let mut repaired = found.repaired || found.around;
    let number = |name: &&str| {
        let (key, value) = found.pairs.iter().find(|(key, _)| same_name(key, name))?;
        let (number, sound) = value.number(10.0)?;
        repaired |= !sound || key != name;
        Some(number)
    };
    (NAMES.iter().map(number).collect(), repaired)
}

#[test]
fn sound_json_needs_no_repair() {
    for text in [
        r#"{"humor": 7, "scares": 0, "plot_complexity": 3.5}"#,
        "\n { \"plot_complexity\":3.5 ,\n\t\"humor\":7e0,\"scares\" : -0.0 }\n",
        r#"{"humor":7,"note":"a \"fine\" film, {really} [x]","scares":0,"plot_complexity":3.5,"more":[1,{"a":null}]}"#,
        r#"{"humor":7,"scares":0,"plot_complexity":3.5,"u":"\u00e9\n","t":true}"#,
    ] {
        assert_eq!(
            read(text),
            (vec![Some(7.0), Some(0.0), Some(3.5)], false),
            "{text}"
        );
    }
}

#[test]
fn what_is_meant_is_read() {
    for text in [
        "```json\n{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}\n```",
        "```\n{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}",
        "Sure! Here is my rating: {\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}. Enjoy the film!",
        "{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5,}",
        "{\"humor\": 7,, \"scares\": 0, \"plot_complexity\": 3.5}",
        "{\"humor\": 7 \"scares\": 0 \"plot_complexity\": 3.5}",
        "{\"humor\": 7\n \"scares\": 0\n \"plot_complexity\": 3.5\n}",
        "{'humor': 7, 'scares': 0, 'plot_complexity': 3.5}",
        "{“humor”: 7, “scares”: 0, “plot_complexity”: 3.5}",
        "{`humor`: 7, `scares`: 0, `plot_complexity`: 3.5}",
        "{humor: 7, scares: 0, plot_complexity: 3.5}",
        "{humor = 7, scares = 0, plot_complexity = 3.5}",
        "{\"humor\" => 7, \"scares\" => 0, \"plot_complexity\" => 3.5}",
        "{\"humor\": \"7\", \"scares\": \"0\", \"plot_complexity\": \"3.5\"}",
        "{\"humor\": \"7/10\", \"scares\": \"0 / 10\", \"plot_complexity\": \"3.5 out of 10\"}",
        "{\"humor\": 7/10, \"scares\": 0/10, \"plot_complexity\": 3.5/10}",
        "{\"humor\": +7, \"scares\": 0., \"plot_complexity\": 3.50}",
        "{\"humor\": 07, \"scares\": .0, \"plot_complexity\": 3.5}",
        "{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5",
        "{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5, \"because",
        "{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5]",
        "{\"Humor\": 7, \"SCARES\": 0, \"Plot Complexity\": 3.5}",
        "{\"humor \": 7, \" scares\": 0, \"plot-complexity\": 3.5}",
        "{\"humor\": 7, // very funny\n \"scares\": 0, /* none */ \"plot_complexity\": 3.5}",
        "{\"humor\": 7, # very funny\n \"scares\": 0,\n \"plot_complexity\": 3.5 # some\n}",
        "{\"scores\": {\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}}",
        "[{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}]",
        "{\"humor\": {\"score\": 7, \"why\": \"jokes\"}, \"scares\": {\"rating\": 0}, \"plot_complexity\": {\"value\": 3.5}}",
        "{\"humor\": [7], \"scares\": [0], \"plot_complexity\": [3.5]}",
        "humor: 7\nscares: 0\nplot_complexity: 3.5",
        "- humor: 7\n- scares: 0\n- **plot complexity**: 3.5",
        "\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}",
        "The form {\"humor\": …} asks for: {\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}",
        "{\"humor\": 1, \"scares\": 1, \"plot_complexity\": 1}\nNo, rather:\n{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}",
        "I use {braces} a lot. {\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5} {ok}",
        "{\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}}",
        "{\"note\": \"it's \n broken\", \"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}",
        "{\"humor\"; oops,\n\"humor\": 7, \"scares\": 0, \"plot_complexity\": 3.5}",
    ] {
        assert_eq!(
            read(text),
            (vec![Some(7.0), Some(0.0), Some(3.5)], true),
            "{text}"
        );
    }
}

#[test]
fn what_is_doubtful_is_not_guessed() {
    for text in [
        "",
        "I cannot rate films.",
        "{}",
        "{{{{[[[[",
        "null",
        "7, 0, 3.5",
        "{\"fun\": 7}",
        "{\"humor\": \"seven\", \"scares\": true, \"plot_complexity\": null}",
        "{\"humor\": \"7/5\", \"scares\": \"0-2\", \"plot_complexity\": \"3 or 4\"}",
        "{\"humor\": [1, 2], \"scares\": {}, \"plot_complexity\": {\"score\": {\"score\": 3}}}",
        "{\"humor\": NaN, \"scares\": Infinity, \"plot_complexity\": 1e999}",
        "{\"humor\": , \"scares\": }",
        "{\"humor\"",
        "{humor",
    ] {
        assert_eq!(read(text).0, vec![None; 3], "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in ".{0,200}") {
        find(&text, &NAMES);
    }

    #[test]
    fn any_signs_of_json_are_survived(text in "[{}\\[\\]:,\"'a-c0-9\\\\/#\n =]{0,120}") {
        find(&text, &NAMES);
    }

    #[test]
    fn any_sound_object_is_read_as_serde_does(
        pairs in proptest::collection::btree_map("[a-zé\"\\\\ ]{1,6}", -1e6f64..1e6, 0..6),
        pretty: bool,
    ) {
        let mut map: serde_json::Map<_, _> =
            pairs.iter().map(|(k, v)| (k.clone(), serde_json::json!(v))).collect();
        map.insert("humor".to_owned(), serde_json::json!(1.5));
        let value = serde_json::Value::Object(map.clone());
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let found = find(&text, &NAMES).unwrap();
        prop_assert!(!found.repaired);
        let wanted: Vec<_> =
            map.iter().map(|(k, v)| (k.clone(), Value::Number(v.as_f64().unwrap()))).collect();
        prop_assert_eq!(found.pairs, wanted);
    }
}

#[test]
fn objects_are_found_outside_of_each_other() {
    let text = "Here:\n1. {\"a\": {\"b\": 1}}\n2. {a: 'x', b: [{\"c\": 2}]} {} and {\"d\": 3";
    let found = objects(text);
    let keys: Vec<Vec<&str>> = found
        .iter()
        .map(|pairs| pairs.iter().map(|(key, _)| key.as_str()).collect())
        .collect();
    assert_eq!(keys, [vec!["a"], vec!["a", "b"], vec!["d"]]);
    assert!(objects("nothing { of the sort").is_empty());
}
