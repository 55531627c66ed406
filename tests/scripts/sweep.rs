//! Sweeps: children as real processes, failures and kills among them, and what a second run computes.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::place::{Place, text, workspace};

/// What runs left, by the beginning of their names.
fn runs(place: &Place, beginning: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.path("runs")).into_iter().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    // One that begins just now has no `run.json` yet.
    runs.retain(|path| named(path).starts_with(beginning) && path.join("run.json").exists());
    runs.sort();
    runs
}

fn json(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Writes a script that is swept, and one that sweeps it.
fn sweeping(place: &Place, swept: &str, sweep: &str) -> String {
    std::fs::write(place.path("swept.lua"), swept).unwrap();
    let script = place.path("sweeper.lua");
    let sweep = format!(
        "local sweep = lapidary.sweep {{ script = '{}', {sweep} }}\nprint(sweep)\nreturn sweep",
        place.path("swept.lua").display()
    );
    std::fs::write(&script, sweep).unwrap();
    script.to_str().unwrap().to_owned()
}

#[test]
fn the_sweep_script_runs_and_runs_again_from_the_store() {
    let place = Place::new();
    let set = ["data=tests/fixtures/tiny.toml", "epochs=1"];
    let first = place.print("scripts/sweep.lua", &set);
    assert!(
        first.contains("ndcg@10") && first.contains("2 of 2") && first.contains("±"),
        "{first}"
    );
    let parent = runs(&place, "sweep-").pop().unwrap();
    for file in ["sweep.csv", "sweep.md", "sweep.json", "sweep_means.csv"] {
        assert!(parent.join("tables").join(file).exists(), "no {file}");
    }
    let told = json(parent.join("tables/sweep.json"));
    let rows = told.as_array().unwrap();
    assert_eq!(rows.len(), 8);
    for row in rows {
        assert_eq!(row["outcome"], "done");
        let run = json(
            place
                .path("runs")
                .join(row["run"].as_str().unwrap())
                .join("run.json"),
        );
        assert_eq!(run["settings"]["dim"], row["settings"]["dim"]);
        assert_eq!(run["seed"], row["seed"]);
        assert_eq!(run["sweep"], parent.file_name().unwrap().to_str().unwrap());
        assert!(
            row["metrics"]
                .as_object()
                .unwrap()
                .keys()
                .any(|name| name.ends_with("ndcg@10"))
        );
    }
    assert_eq!(runs(&place, "base-").len(), 8);

    assert_eq!(first, place.print("scripts/sweep.lua", &set));
    for folder in &runs(&place, "base-")[8..] {
        let artefacts = json(folder.join("run.json"))["artefacts"].clone();
        for (key, note) in artefacts.as_object().unwrap() {
            assert_eq!(note["how"], "loaded", "{key}");
        }
    }

    // The first sweep goes with what it started, the second one stays.
    let remove = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lapidary"));
        command.args(["runs", "rm"]).arg(&parent).args(more);
        let output = command.arg("--runs").arg(place.path("runs")).output();
        text(&output.unwrap())
    };
    let told = remove(&["--dry-run"]);
    assert_eq!(told.matches("would remove base-").count(), 8, "{told}");
    assert_eq!(runs(&place, "base-").len(), 16);
    remove(&[]);
    assert_eq!(runs(&place, "sweep-").len(), 1);
    assert_eq!(runs(&place, "base-").len(), 8);
    assert!(!parent.exists());
}

#[test]
fn one_that_fails_or_crashes_is_a_row_and_the_others_go_on() {
    let place = Place::new();
    let swept = r#"
        local how = lapidary.setting("how", "good")
        if how == "bad" then error("no luck today") end
        if how == "deep" then lapidary.tensor { 1, 2 }:reshape(3, 5) end
        if how == "many" then error("2 mistakes:\nthe first\nthe second") end
        lapidary.note("mine", { share = 0.25 + lapidary.seed })
    "#;
    let settings = "settings = { how = { 'good', 'bad', 'fine', 'deep', 'many' } }, at_once = 2, name = 'ways'";
    let script = sweeping(&place, swept, settings);
    let output = place.run(&script, &[]);
    let printed = text(&output);
    let (table, failures) = printed.split_once("\n\n3 of 5 runs failed:\n").unwrap();
    assert!(
        table.contains("0.2500") && !table.contains("no luck"),
        "{table}"
    );
    let told = |text: &str, what: &str| text.matches(what).count();
    assert_eq!(told(failures, "run 2 (how=\"bad\"): "), 1, "{failures}");
    assert_eq!(told(failures, "swept.lua:3: no luck today\n"), 1);
    let many = "2 mistakes:\n    the first\n    the second\n";
    assert_eq!(told(failures, many), 1, "{failures}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("run 2 (how=\"bad\") failed"), "{said}");
    let many = "2 mistakes:\n  the first\n  the second\n";
    assert_eq!(told(&said, many), 1, "{said}");
    let last = said.trim_end().lines().next_back().unwrap();
    assert!(
        last.contains("3 of 5 runs failed") && last.ends_with("/sweeps/ways"),
        "{said}"
    );
    let table =
        std::fs::read_to_string(runs(&place, "sweeper-")[0].join("tables/ways.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0], "how,share,run,outcome");
    assert!(
        lines[1].starts_with("good,0.2500,swept-") && lines[1].ends_with(",done"),
        "{table}"
    );
    assert!(lines[2].contains("swept.lua:3: no luck today"), "{table}");
    assert!(lines[4].contains("failed: "), "{table}");
    assert!(
        lines[5].ends_with("2 mistakes: the first (and 1 more)"),
        "{table}"
    );

    let printed = text(&place.run(&script, &["--seed", "3"]));
    assert!(printed.contains("3.2500"), "{printed}");

    let script = sweeping(&place, "error('never')", "settings = {}, seeds = { 1, 2 }");
    let output = place.run(&script, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("all 2 runs failed") && said.contains("never"),
        "{said}"
    );
}

const WAITS: &str = "lapidary.write('ready', '') while lapidary.setting('wait', true) do end";

fn start(place: &Place, script: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .current_dir(workspace())
        .args(["run", script, "--device", "cpu", "--plugin-dir"])
        .arg(place.path("plugins"))
        .arg("--store")
        .arg(place.path("store"))
        .arg("--runs")
        .arg(place.path("runs"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a condition, but not for ever.
fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &id])
        .status();
    assert!(sent.unwrap().success());
}

fn ready(place: &Place) -> usize {
    let runs = runs(place, "swept-");
    runs.iter().filter(|run| run.join("ready").exists()).count()
}

fn outcomes(place: &Place) -> Vec<String> {
    let runs = runs(place, "swept-");
    let told = runs.iter().map(|run| json(run.join("run.json")));
    told.map(|run| run["outcome"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn stopping_a_sweep_stops_its_runs() {
    for name in ["INT", "TERM"] {
        let place = Place::new();
        let script = sweeping(&place, WAITS, "seeds = { 1, 2, 3 }, at_once = 2");
        let child = start(&place, &script);
        until("two runs wait", || ready(&place) == 2);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(outcomes(&place), ["interrupted", "interrupted"]);
        let parent = json(runs(&place, "sweeper-")[0].join("run.json"));
        assert_eq!(parent["outcome"], "interrupted");
    }
}

#[test]
fn a_sweep_that_is_killed_leaves_no_runs_behind() {
    let place = Place::new();
    let script = sweeping(&place, WAITS, "seeds = { 1, 2 }, at_once = 2");
    let child = start(&place, &script);
    until("both wait", || ready(&place) == 2);
    signal(&child, "KILL");
    child.wait_with_output().unwrap();
    until("they stopped by themselves", || {
        outcomes(&place) == ["interrupted", "interrupted"]
    });
}

#[test]
fn a_run_that_is_killed_is_told_and_the_others_go_on() {
    let place = Place::new();
    let swept = "lapidary.write('ready', '') while lapidary.seed == 1 do end lapidary.note('mine', { share = 1 })";
    let script = sweeping(&place, swept, "seeds = { 1, 2, 3 }, at_once = 2");
    let child = start(&place, &script);
    until("the others are done", || {
        outcomes(&place).iter().filter(|o| *o == "done").count() == 2
    });
    let waiting = runs(&place, "swept-")
        .into_iter()
        .find(|run| json(run.join("run.json"))["outcome"] == "running");
    let told = json(waiting.unwrap().join("run.json"));
    let id = told["process"].as_u64().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-KILL", &id])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let printed = text(&output);
    assert!(
        printed.contains("killed by signal 9") && printed.contains("2 of 3"),
        "{printed}"
    );
    let rows = json(runs(&place, "sweeper-")[0].join("tables/sweep.json"));
    assert_eq!(rows[0]["outcome"], "killed");
}

#[test]
fn a_dry_run_checks_every_run_and_trains_nothing() {
    let place = Place::new();
    let set = [
        "--set",
        "data=tests/fixtures/tiny.toml",
        "--set",
        "epochs=1",
        "--dry-run",
    ];
    let printed = text(&place.run("scripts/sweep.lua", &set));
    assert!(
        printed.contains("dry run: 8 runs were checked"),
        "{printed}"
    );
    assert!(!place.path("store/model").exists() && runs(&place, "base-").is_empty());

    let swept = "lapidary.reducer(lapidary.setting('reducer', 'pca'))";
    let script = sweeping(
        &place,
        swept,
        "settings = { reducer = { 'pca', 'pac', 'whitenign' } }",
    );
    let output = place.run(&script, &["--dry-run"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for expected in [
        "2 of 3 runs would fail",
        "unknown reducer `pac`",
        "did you mean `whitening`?",
    ] {
        assert!(said.contains(expected), "no `{expected}` in {said}");
    }

    let swept = "lapidary.reducer('pac')\nlapidary.reducer('whitenign')";
    let script = sweeping(&place, swept, "seeds = { 1, 2 }");
    let said = place.run(&script, &["--dry-run"]).stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    for expected in [
        "2 of 2 runs would fail:\n  run 1 (seed 1): ",
        "\n  run 2 (seed 2): ",
        "swept.lua: 2 mistakes:\n    ",
        "swept.lua:2: unknown reducer `whitenign`",
    ] {
        assert!(said.contains(expected), "no `{expected}` in {said}");
    }
    let twice = said.matches("unknown reducer `pac`").count();
    assert_eq!(twice, 2, "once a run: {said}");
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    let place = Place::new();
    std::fs::write(place.path("swept.lua"), "lapidary.setting('dim', 1)").unwrap();
    place.refuses(
        "local swept = 'swept.lua' ",
        &[
            (
                "lapidary.sweep { settings = {} }",
                "`script`: must be the file of the script to run",
            ),
            (
                "lapidary.sweep { script = 'swetp.lua' }",
                "did you mean swept.lua?",
            ),
            (
                "lapidary.sweep { script = swept, at_one = 2 }",
                "did you mean `at_once`?",
            ),
            (
                "lapidary.sweep { script = swept, at_once = 0 }",
                "`at_once`: must be at least 1, found 0",
            ),
            (
                "lapidary.sweep { script = swept, settings = { dim = {{1}} } }",
                "settings.dim: only text",
            ),
            (
                "lapidary.sweep { script = swept, settings = { dmi = 1 } }",
                "did you mean `dim`?",
            ),
        ],
    );
    let again = sweeping(&place, "lapidary.sweep { script = 'swept.lua' }", "");
    let said = String::from_utf8_lossy(&place.run(&again, &[]).stderr).into_owned();
    assert!(said.contains("may not start another"), "{said}");
}
