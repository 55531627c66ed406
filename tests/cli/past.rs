//! `runs list`, `show`, `compare` and `rm`: what ran, how runs differ, which figures they have.

use std::path::PathBuf;

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
    let first = text.lines().next().unwrap();
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
        &["runs", "show", "script-"],
        2,
        &["begins the names of 2 runs", "script-2"],
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
fn runs_are_removed_and_nothing_else_is() {
    let at = script("print(1)");
    for _ in 0..3 {
        run(&at, &["run", "script.lua", "--device", "cpu"]).code(0);
    }
    let folders = run_folders(&at);
    let name = |n: usize| folders[n].file_name().unwrap().to_str().unwrap();
    let elsewhere = at.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(&folders[2], elsewhere.join("kept")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("kept"), at.path().join("runs/link")).unwrap();
    fs::create_dir(at.path().join("runs/foreign")).unwrap();
    fs::write(
        at.path().join("runs/foreign/run.json"),
        "{\"made\": \"elsewhere\"}",
    )
    .unwrap();
    for (kept, why) in [
        ("elsewhere/kept", "not in the folder of runs"),
        ("link", "a link"),
        ("foreign", "not known as a run"),
        ("runs/../elsewhere/kept", "not in the folder of runs"),
    ] {
        refused(
            &at,
            &["runs", "rm", name(0), kept],
            2,
            &[why, "nothing was removed"],
        );
    }
    assert!(folders[0].exists() && elsewhere.join("kept/run.json").exists());

    let report = json_of(&at, &["runs", "rm", name(0), name(0), "--json"]);
    assert_eq!(keys(&report), ["format", "removed", "bytes"]);
    assert_eq!(report["removed"].as_array().unwrap().len(), 1);
    assert_eq!(keys(&report["removed"][0]), ["name", "folder", "bytes"]);
    assert!(report["bytes"].as_u64().unwrap() > 100);
    assert!(!folders[0].exists() && folders[1].exists());
    assert!(stdout(&run(&at, &["runs", "rm", name(1)]).code(0)).contains("removed script-"));
    assert!(!folders[1].exists());
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
