//! `recommend` and `explain`: models of finished runs asked again.

use super::films::{ATTRIBUTES, done, films, only_run};
use super::*;

/// A command about the finished run.
fn asked<'a>(command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let folder = done().folder.to_str().unwrap();
    [command, folder]
        .into_iter()
        .chain(more.iter().copied())
        .collect()
}

fn items(answer: &Value) -> Vec<String> {
    let rows = answer["items"].as_array().unwrap().iter();
    rows.map(|row| row["item"].as_str().unwrap().to_owned())
        .collect()
}

fn recommended(more: &[&str]) -> Vec<String> {
    let more: Vec<&str> = ["--user", "u3", "--json"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    items(&json_of(&done().at, &asked("recommend", &more)))
}

#[test]
fn a_finished_run_recommends_what_its_script_did() {
    let scripts = done()
        .printed
        .lines()
        .filter_map(|line| line.strip_prefix("2\t"));
    let scripts: Vec<&str> = scripts.collect();
    assert_eq!(recommended(&["--before", "test", "-k", "4"]), scripts);

    let run = &asked("recommend", &["--user", "u3", "-k", "3", "--json"]);
    let answer = json_of(&done().at, run);
    let expected = [
        "format", "run", "model", "backbone", "user", "before", "steer", "items",
    ];
    assert_eq!(keys(&answer), expected);
    assert_eq!(answer["model"].as_str().map(str::len), Some(64));
    assert_eq!(
        (&answer["backbone"], &answer["before"]),
        (&"sasrec".into(), &Value::Null)
    );
    assert_eq!(
        keys(&answer["items"][0]),
        ["rank", "item", "title", "score"]
    );
    assert_eq!(answer["items"].as_array().unwrap().len(), 3);

    let text = run_text(&["--user", "u3", "-k", "3"]);
    assert!(
        text.starts_with("User u3, model ") && text.lines().count() == 4,
        "{text}"
    );
}

fn run_text(more: &[&str]) -> String {
    stdout(&run(&done().at, &asked("recommend", more)).code(0))
}

#[test]
fn every_model_of_a_run_can_be_asked_and_the_last_with_attributes_is() {
    let assert = run(&done().at, &asked("recommend", &["--user", "u3"])).code(0);
    let said = stderr(&assert);
    let other = said.split("names another: ").nth(1).expect(&said).trim();
    let first: Vec<&str> = (done().printed.lines())
        .filter_map(|line| line.strip_prefix("1\t"))
        .collect();
    assert_eq!(
        recommended(&["--before", "test", "-k", "4", "--model", other]),
        first
    );
    let unknown = asked("recommend", &["--user", "u3", "--model", "zzz"]);
    refused(&done().at, &unknown, 2, &["unknown model `zzz`", other]);
    let either = asked("recommend", &["--user", "u3", "--model", ""]);
    refused(&done().at, &either, 2, &["may be ", other]);
}

#[test]
fn steering_makes_the_list_anew() {
    let plain = recommended(&[]);
    assert_eq!(recommended(&["--steer", "humor=0"]), plain);
    let up = recommended(&["--steer", "humor=+20"]);
    let down = recommended(&["--steer", "humor=-20", "--steer", "music=+0"]);
    assert!(up != plain && down != up, "{plain:?} {up:?} {down:?}");
    let mean = |steer: &str| {
        let more = ["--user", "u3", "--json", "-k", "5", "--steer", steer];
        let answer = json_of(&done().at, &asked("explain", &more));
        let percent = |told: &Value| part(told, "humor")["percent"].as_f64().unwrap();
        let told = answer["explanations"].as_array().unwrap();
        told.iter().map(percent).sum::<f64>() / told.len() as f64
    };
    let means = ["humor=-20", "humor=0", "humor=20"].map(mean);
    assert!(means[0] < means[1] && means[1] < means[2], "{means:?}");
    let text = run_text(&[
        "--user",
        "u3",
        "--steer",
        "humor=+2",
        "--steer",
        "scares=-1",
    ]);
    assert!(text.contains("steered: humor +2, scares -1"), "{text}");
}

fn part<'a>(told: &'a Value, attribute: &str) -> &'a Value {
    let mut parts = told["parts"].as_array().unwrap().iter();
    parts.find(|part| part["attribute"] == attribute).unwrap()
}

#[test]
fn an_explanation_in_json_has_the_forms_that_are_described() {
    let answer = json_of(&done().at, &asked("explain", &["--user", "u3", "--json"]));
    let head = [
        "format", "run", "model", "backbone", "user", "before", "steer",
    ];
    assert_eq!(keys(&answer)[..7], head);
    let told = answer["explanations"].as_array().unwrap();
    assert_eq!(told.len(), 3);
    let best = recommended(&["-k", "3"]);
    for (place, one) in told.iter().enumerate() {
        let expected = [
            "item",
            "title",
            "place",
            "place_without",
            "score",
            "rest",
            "parts",
            "history",
            "sentences",
        ];
        assert_eq!(keys(one), expected);
        assert!(one["place_without"].as_u64().unwrap() >= 1);
        assert_eq!(
            (&one["place"], one["item"].as_str()),
            (&(place + 1).into(), Some(best[place].as_str()))
        );
        let parts = one["parts"].as_array().unwrap();
        assert_eq!(parts.len(), ATTRIBUTES.len());
        let number = |value: &Value| value.as_f64().unwrap();
        let sum: f64 = parts.iter().map(|part| number(&part["value"])).sum();
        assert!((sum + number(&one["rest"]) - number(&one["score"])).abs() < 1e-6);
        for part in parts {
            let expected = [
                "attribute",
                "value",
                "user",
                "item",
                "percent",
                "words",
                "user_percent",
                "user_words",
            ];
            assert_eq!(keys(part), expected);
            let product = number(&part["user"]) * number(&part["item"]);
            assert!((product - number(&part["value"])).abs() < 1e-9);
        }
        history(one);
    }
    let named = ["--user", "u3", "--item", "i5", "--item", "i2", "--json"];
    let answer = json_of(&done().at, &asked("explain", &named));
    assert_eq!(answer["explanations"][0]["item"], "i5");
    assert_eq!(answer["explanations"][1]["item"], "i2");
}

/// What is told of the history is in it, for attributes that speak for the item.
fn history(told: &Value) {
    let had: Vec<String> = (0..8)
        .map(|step| format!("i{}", (21 + step) % 24))
        .collect();
    for line in told["history"].as_array().unwrap() {
        assert_eq!(keys(line), ["attribute", "items"]);
        let part = part(told, line["attribute"].as_str().unwrap());
        assert!(part["value"].as_f64().unwrap() > 0.0);
        for item in line["items"].as_array().unwrap() {
            assert_eq!(keys(item), ["item", "title", "percent"]);
            assert!(
                had.contains(&item["item"].as_str().unwrap().to_owned()),
                "{item}"
            );
            assert!((0.0..=100.0).contains(&item["percent"].as_f64().unwrap()));
        }
    }
}

#[test]
fn an_explanation_for_people_names_parts_and_history() {
    let text = stdout(&run(&done().at, &asked("explain", &["--user", "u3", "-k", "1"])).code(0));
    for expected in [
        "User u3, model ",
        "1. <b>Film</b> ",
        "In ",
        " of all items, ",
        "plot complexity",
        "all else",
        "In the user's history:",
    ] {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
}

/// Tags are closed in order, and nothing of the data is taken for one.
fn well_formed(page: &str) {
    let void = ["meta", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let (_, body) = page.split_once("</style>").unwrap();
    let (head, _) = page.split_once("<style>").unwrap();
    for part in [head, body] {
        for tag in part.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').expect(tag);
            assert!(!text.contains('>'), "a bare > in {text}");
            let name = tag
                .trim_start_matches('/')
                .split([' ', '/'])
                .next()
                .unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "</{name}> closes another");
            } else if !tag.ends_with('/') && !void.contains(&name) {
                open.push(name);
            }
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn the_page_is_one_sound_file_that_loads_nothing() {
    let at = done().at.path().join("pages/why.html");
    let more = [
        "--user",
        "u3",
        "--html",
        at.to_str().unwrap(),
        "--steer",
        "humor=1",
    ];
    let assert = run(&done().at, &asked("explain", &more)).code(0);
    assert!(stderr(&assert).contains("written: "), "{}", stderr(&assert));
    let page = fs::read_to_string(&at).unwrap();
    well_formed(&page);
    for loaded in [
        "http", "src=", "href=", "url(", "@import", "<script", "<link", "<b>", "onload",
    ] {
        assert!(!page.contains(loaded), "`{loaded}` is in the page");
    }
    for expected in [
        "&lt;b&gt;Film&lt;",
        "{{ 1 }}",
        "prefers-color-scheme: dark",
        "<polygon class=\"user\"",
        "plot complexity",
        "steered: humor +1",
        "In the user",
    ] {
        assert!(page.contains(expected), "no `{expected}` in the page");
    }
    assert_eq!(page.matches("<article>").count(), 3);
    assert!(!page.contains("NaN"));
}

#[test]
fn what_cannot_be_asked_is_told() {
    let at = &done().at;
    let refuse = |command: &str, more: &[&str], words: &[&str]| {
        refused(at, &asked(command, more), 2, words);
    };
    refuse(
        "explain",
        &["--user", "nobody"],
        &["no user has the identifier `nobody`"],
    );
    refuse(
        "explain",
        &["--user", "u3", "--item", "x"],
        &["no item has the identifier `x`"],
    );
    refuse(
        "explain",
        &["--user", "u3", "--steer", "humour=1"],
        &["unknown attribute `humour`; did you mean `humor`?"],
    );
    refuse(
        "recommend",
        &["--user", "u3", "--steer", "humor"],
        &["ATTRIBUTE=STEP"],
    );
    refuse(
        "recommend",
        &["--user", "u3", "--before", "train"],
        &["`valid` or `test`"],
    );
    refuse("recommend", &[], &["--user"]);
    let name = done().folder.file_name().unwrap().to_str().unwrap();
    let slip = format!("runs/{}", name.replace("script", "scirpt"));
    refused(
        at,
        &["explain", &slip, "--user", "u3"],
        2,
        &["no such run", name],
    );
    refused(
        at,
        &["explain", "films", "--user", "u3"],
        1,
        &["no run.json in it"],
    );
    let store = asked("explain", &["--user", "u3", "--store", "nowhere"]);
    refused(at, &store, 2, &["--store nowhere: no such folder"]);
    assert!(!at.path().join("nowhere").exists());
    fs::create_dir(at.path().join("elsewhere")).unwrap();
    let store = asked("explain", &["--user", "u3", "--store", "elsewhere"]);
    refused(at, &store, 1, &["the data set `films`", "--store"]);
    refuse("recommend", &["--user", "u3", "-k", "0"], &["at least 1"]);
}

#[test]
fn a_model_without_attributes_recommends_but_has_no_reasons() {
    let at = films();
    let run_it = ["run", "script.lua", "--set", "guided=false"];
    run(&at, &run_it).code(0);
    let folder = only_run(&at).display().to_string();
    let best = json_of(&at, &["recommend", &folder, "--user", "u3", "--json"]);
    assert_eq!(items(&best).len(), 10);
    for more in [
        &["explain", &folder, "--user", "u3"][..],
        &["recommend", &folder, "--user", "u3", "--steer", "humor=1"],
    ] {
        let assert = run(&at, more).failure();
        assert!(
            stderr(&assert).contains("has no attributes"),
            "{}",
            stderr(&assert)
        );
        assert_eq!(stdout(&assert), "");
    }
    fs::remove_dir_all(at.path().join("runs")).unwrap();
    run(&at, &[&run_it[..], &["--dry-run"]].concat()).code(0);
    let dry = only_run(&at).display().to_string();
    refused(
        &at,
        &["recommend", &dry, "--user", "u3"],
        1,
        &["this was a dry run"],
    );
}
