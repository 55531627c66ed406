//! `runs list`, `show` and `compare`: what ran, how runs differ, which figures they have.

use std::path::PathBuf;

use super::removing::kept;
use super::runs::{run_folders, script, signal, start, tiny_data, wait, wait_for_line};
use super::*;

const EVALUATE: &str = "
    local split = lapidary.dataset('tiny.toml'):leave_one_out { max_len = 8 }
    local training = { epochs = 1, batch_size = 16, patience = 1 }
    local embedder = lapidary.base_embedder('sasrec', { dim = lapidary.setting('dim', 8), layers = 1, heads = 1 })
    local base = embedder:fit(split, training)
    base:evaluate(split.test, { 'ndcg@10', 'recall@10' })
    lapidary.popularity(split):evaluate(split.valid, { 'ndcg@10' })
    lapidary.note('mine', { share = 0.5 })
";

/// A script that evaluates, run with two widths.
fn two_runs() -> (TempDir, Vec<String>) {
    let at = script(EVALUATE);
    tiny_data(&at);
    for more in [&["--set", "dim=8"][..], &["--set", "dim=16", "--seed", "7"]] {
        let arguments = ["run", "script.lua", "--device", "cpu"].into_iter();
        let arguments: Vec<&str> = arguments.chain(more.iter().copied()).collect();
        run(&at, &arguments).code(0);
    }
    let name = |folder: &PathBuf| folder.file_name().unwrap().to_str().unwrap().to_owned();
    let names = run_folders(&at).iter().map(name).collect();
    (at, names)
}

#[test]
fn runs_are_listed_shown_and_compared() {
    let (at, names) = two_runs();
    let listed = json_of(&at, &["runs", "--json"]);
    assert_eq!(keys(&listed), ["format", "runs", "unreadable"]);
    let runs = listed["runs"].as_array().unwrap();
    let expected = [
        "name", "folder", "outcome", "message", "script", "started", "seconds", "dry_run",
        "device", "seed", "sweep", "set", "settings", "metrics",
    ];
    assert_eq!(keys(&runs[0]), expected);
    let of = |run: &Value, key: &str| run[key].clone();
    assert_eq!(
        (of(&runs[0], "name"), of(&runs[1], "name")),
        (names[1].as_str().into(), names[0].as_str().into())
    );
    assert_eq!(
        (of(&runs[0], "seed"), of(&runs[1], "seed")),
        (7.into(), Value::Null)
    );
    assert_eq!(
        (&runs[0]["settings"]["dim"], &runs[0]["set"]["dim"]),
        (&16.into(), &"16".into())
    );
    let measured = runs[0]["metrics"].as_array().unwrap().iter();
    let measured: Vec<String> = measured
        .map(|m| {
            format!(
                "{} {}",
                m["of"].as_str().unwrap(),
                m["metric"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        measured,
        [
            "test sasrec ndcg@10",
            "test sasrec recall@10",
            "valid popularity ndcg@10",
            "mine share"
        ]
    );
    let one = json_of(&at, &["runs", "list", "-n", "1", "--json"]);
    assert_eq!(one["runs"].as_array().unwrap().len(), 1);

    let text = stdout(&run(&at, &["runs"]).code(0));
    let first = text.lines().nth(1).unwrap();
    assert!(
        first.starts_with(&names[1]) && first.contains("  done  "),
        "{text}"
    );
    assert!(
        first.contains("dim=16, seed 7") && first.ends_with("mine: share 0.5000"),
        "{text}"
    );

    let shown = json_of(&at, &["runs", "show", &names[0], "--json"]);
    let expected = [
        "format",
        "run",
        "command",
        "record",
        "tables",
        "datasets",
        "components",
        "artefacts",
        "plugins",
        "versions",
    ];
    assert_eq!(keys(&shown), expected);
    let artefacts = shown["artefacts"].as_object().unwrap();
    assert!(
        artefacts.values().all(|note| note["how"] == "made"),
        "{artefacts:?}"
    );
    let text = stdout(&run(&at, &["runs", "show", &format!("runs/{}", names[0])]).code(0));
    for expected in [
        "dim  8  (--set)",
        "test sasrec ndcg@10",
        "backbone sasrec",
        "evaluation ",
        "libtorch",
        "tiny",
    ] {
        assert!(text.contains(expected), "no `{expected}` in {text}");
    }

    let compared = json_of(&at, &["runs", "compare", &names[0], &names[1], "--json"]);
    assert_eq!(
        keys(&compared),
        ["format", "runs", "outcomes", "differ", "metrics"]
    );
    let differ = serde_json::json!([{"name": "dim", "values": [8, 16]}, {"name": "--seed", "values": [null, 7]}]);
    assert_eq!(compared["differ"], differ);
    let row = &compared["metrics"][0];
    assert_eq!(
        (&row["of"], &row["metric"]),
        (&"test sasrec".into(), &"ndcg@10".into())
    );
    let value = |key: &str, n: usize| row[key][n].as_f64().unwrap();
    assert_eq!(
        value("differences", 1),
        value("values", 1) - value("values", 0)
    );
    assert_eq!(
        value("values", 1),
        runs[0]["metrics"][0]["value"].as_f64().unwrap()
    );
    let text = stdout(&run(&at, &["runs", "compare", &names[0], &names[1]]).code(0));
    assert!(
        text.contains("| dim ") && text.contains("| mine share ") && text.contains("(+0.0000)"),
        "{text}"
    );
}

#[test]
fn names_may_be_cut_and_slips_find_the_nearest() {
    let at = script("print(1)");
    fs::write(at.path().join("other.lua"), "print(2)").unwrap();
    for file in ["script.lua", "script.lua", "other.lua"] {
        run(&at, &["run", file, "--device", "cpu"]).code(0);
    }
    let shown = json_of(&at, &["runs", "show", "oth", "--json"]);
    let name = shown["run"]["name"].as_str().unwrap().to_owned();
    assert!(name.starts_with("other-"), "{name}");
    refused(
        &at,
        &["runs", "show", "script"],
        2,
        &[
            "begins the names of 2 runs",
            "script-2",
            "`script@last` is the first",
        ],
    );
    refused(
        &at,
        &["runs", "show", &name.replace("oth", "oht")],
        2,
        &["no such run", "did you mean", &name],
    );
    refused(
        &at,
        &["runs", "show", "x"],
        2,
        &["no such run", "runs list"],
    );
    for (meant, place) in [("last", 0), ("last~1", 1), ("script@last~1", 2)] {
        let shown = json_of(&at, &["runs", "show", meant, "--json"]);
        let listed = json_of(&at, &["runs", "--json"]);
        assert_eq!(shown["run"]["name"], listed["runs"][place]["name"]);
    }
    let none = ["runs", "show", "script@last~2"];
    let says = [
        "script@last~2: there are 2 such runs",
        "`script@last~1` is the first",
    ];
    refused(&at, &none, 2, &says);
    refused(&at, &["runs", "show", "scr@last"], 2, &["no such run"]);
    refused(&at, &["runs", "compare", &name], 2, &["RUN"]);
    refused(&at, &["runs", "shwo"], 2, &["show"]);
    refused(&at, &["runs", "--runs", "nowhere"], 2, &["no such folder"]);
}

#[test]
fn runs_that_go_on_were_killed_or_failed_are_told_apart() {
    let at = script("print('ready') while lapidary.setting('go', true) do end error('no luck')");
    let mut going = start(&at);
    wait_for_line(&mut going);
    let outcome = |at: &TempDir| json_of(at, &["runs", "--json"])["runs"][0]["outcome"].clone();
    assert_eq!(outcome(&at), "running");
    let name = json_of(&at, &["runs", "--json"])["runs"][0]["name"].clone();
    refused(
        &at,
        &["runs", "rm", name.as_str().unwrap()],
        2,
        &["still goes on", "nothing was removed"],
    );
    let failed = ["runs", "rm", "--failed", "--json"];
    assert_eq!(json_of(&at, &failed)["removed"], serde_json::json!([]));
    signal(&going, "KILL");
    wait(going);
    assert_eq!(outcome(&at), "killed");
    run(
        &at,
        &["run", "script.lua", "--device", "cpu", "--set", "go=false"],
    )
    .code(1);
    let text = stdout(&run(&at, &["runs"]).code(0));
    assert!(
        text.contains("  failed  ") && text.contains("no luck"),
        "{text}"
    );
}

#[test]
fn the_latest_are_listed_below_a_head_and_json_has_all() {
    let at = folder();
    for n in 0..23 {
        let started = format!("2026-01-01T00:00:{n:02}.000Z");
        kept(&at, &format!("many-{n:02}"), "done", n == 21, &started);
    }
    let assert = run(&at, &["runs"]).code(0);
    let text = stdout(&assert);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 21, "{text}");
    assert!(
        lines[0].starts_with("run ") && lines[0].contains("started (UTC)"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("many-22 ") && lines[20].starts_with("many-03 "),
        "{text}"
    );
    assert!(lines[2].contains("  done, dry  "), "{text}");
    assert_eq!(stderr(&assert), "3 more; -n 23 shows all\n");
    let assert = run(&at, &["runs", "list", "many", "-n", "22"]).code(0);
    assert_eq!(stdout(&assert).lines().count(), 23);
    assert_eq!(stderr(&assert), "");
    let listed = json_of(&at, &["runs", "--json"]);
    assert_eq!(listed["runs"].as_array().unwrap().len(), 23);
}

#[test]
fn several_mistakes_are_told_in_one_line_of_the_list() {
    let at = script("lapidary.reducer('pac')\nlapidary.reducer('whitenign')");
    run(&at, &["run", "script.lua", "--dry-run"]).code(1);
    let text = stdout(&run(&at, &["runs"]).code(0));
    let last = text.lines().next_back().unwrap();
    assert!(
        last.contains("2 mistakes: script.lua:1: unknown reducer `pac`"),
        "{text}"
    );
    assert!(last.ends_with("(and 1 more)"), "{text}");
}

#[test]
fn a_printed_report_tells_of_the_page() {
    let at = script("print(1)");
    run(&at, &["run", "script.lua", "--device", "cpu"]).code(0);
    let page = "-o report.html";
    let printed = run(&at, &["report", "last"]).code(0);
    assert!(stdout(&printed).contains("script") && !stdout(&printed).contains(page));
    assert!(stderr(&printed).contains(page), "{}", stderr(&printed));
    let written = run(&at, &["report", "last", "-o", "other.html"]).code(0);
    assert!(!stderr(&written).contains(page), "{}", stderr(&written));
}

#[test]
fn a_broken_or_foreign_record_is_told_as_such() {
    let at = script("print(1)");
    run(&at, &["run", "script.lua", "--device", "cpu"]).code(0);
    let broken = at.path().join("runs/broken");
    for (name, text) in [
        ("broken", "{\"format\": 1, \"outc"),
        ("list", "[1, 2]"),
        ("foreign", "{\"format\": 1}"),
        (
            "newer",
            "{\"format\": 9, \"outcome\": \"done\", \"script\": {}, \"started\": \"\"}",
        ),
        (
            "odd",
            "{\"format\": 1, \"outcome\": 3, \"script\": null, \"started\": null}",
        ),
        (
            "bare",
            "{\"format\": 1, \"outcome\": \"done\", \"script\": null, \"started\": 7, \"set\": [], \"artefacts\": 1}",
        ),
    ] {
        let folder = at.path().join("runs").join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("run.json"), text).unwrap();
    }
    fs::write(broken.join("script.lua"), "").unwrap();
    let listed = json_of(&at, &["runs", "--json"]);
    let unreadable = listed["unreadable"].as_array().unwrap();
    let mut names: Vec<&str> = unreadable
        .iter()
        .map(|u| u["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["broken", "foreign", "list", "newer", "odd"]);
    assert_eq!(keys(&unreadable[0]), ["name", "folder", "code", "message"]);
    assert_eq!(listed["runs"].as_array().unwrap().len(), 2);
    let assert = run(&at, &["runs"]).code(0);
    assert!(
        stderr(&assert).contains("broken/run.json: damaged"),
        "{}",
        stderr(&assert)
    );
    run(&at, &["runs", "show", "bare"]).code(0);
    run(&at, &["runs", "compare", "bare", "scr"]).code(0);
    refused(&at, &["runs", "show", "broken"], 1, &["damaged"]);
    refused(&at, &["runs", "show", "newer"], 1, &["newer version"]);
    run(&at, &["runs", "rm", "broken"]).code(0);
    assert!(!broken.exists());
}
