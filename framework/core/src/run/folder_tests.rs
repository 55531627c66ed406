#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::*;
use crate::run::Point;

struct Place {
    root: tempfile::TempDir,
    script: PathBuf,
}

fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let script = root.path().join("first try.lua");
    fs::write(&script, "print(1)\n").unwrap();
    Place { root, script }
}

impl Place {
    fn run(&self) -> RunFolder {
        let start = Start {
            set: vec![("dim".to_owned(), "64".to_owned())],
            device: "cpu".to_owned(),
            ..Start::default()
        };
        RunFolder::create(&self.root.path().join("runs"), &self.script, start).unwrap()
    }
}

fn json_of(run: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(run.join("run.json")).unwrap()).unwrap()
}

#[test]
fn runs_that_start_together_get_folders_of_their_own() {
    let place = place();
    let paths: std::collections::HashSet<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| place.run().path().to_path_buf()))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(paths.len(), 8);
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("first_try-2"), "{name}");
        assert_eq!(
            fs::read_to_string(path.join("script.lua")).unwrap(),
            "print(1)\n"
        );
    }
}

#[test]
fn run_json_tells_the_start_and_the_end() {
    let place = place();
    let run = place.run();
    let before = json_of(run.path());
    assert_eq!(before["outcome"], "running");
    assert_eq!(before["set"], json!({"dim": "64"}));
    // printf 'print(1)\n' | sha256sum
    assert_eq!(
        before["script"]["sha256"],
        "cc42155088fca5730758db72b2a5bca33112a941dfaa2d43098ec422ce4ea213"
    );
    run.record("note", json!("a try")).unwrap();
    run.record_in("datasets", "ml-1m", json!("abcd")).unwrap();
    run.finish(&Outcome::Done).unwrap();
    drop(run);

    let place_of_run = fs::read_dir(place.root.path().join("runs")).unwrap().next();
    let after = json_of(&place_of_run.unwrap().unwrap().path());
    assert_eq!(after["outcome"], "done");
    assert_eq!(after["note"], "a try");
    assert_eq!(after["datasets"], json!({"ml-1m": "abcd"}));
    assert_eq!(after["versions"]["lapidary"], env!("CARGO_PKG_VERSION"));
    assert!(after["seconds"].as_f64().unwrap() >= 0.0);
}

#[test]
fn a_run_that_nobody_finished_has_failed() {
    let place = place();
    let path = place.run().path().to_path_buf();
    let end = json_of(&path);
    assert_eq!(end["outcome"], "failed");
    assert_eq!(end["message"], "the run ended without telling how");
}

#[test]
fn the_runs_own_keys_stay_as_they_are() {
    let place = place();
    let run = place.run();
    assert!(run.record("outcome", "done").is_err());
    assert!(run.record("versions", "none").is_err());
    assert!(run.record_in("script", "path", "elsewhere").is_err());
    assert_eq!(json_of(run.path())["outcome"], "running");
}

#[test]
fn nothing_is_written_outside_or_through_links() {
    let place = place();
    let run = place.run();
    let outside = place.root.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, run.path().join("link")).unwrap();
    symlink(outside.join("new"), run.path().join("dangling")).unwrap();
    for name in [
        "../x",
        "a/../../x",
        "/tmp/x",
        "link/x",
        "link",
        "dangling",
        "",
        ".",
        "a\0b",
        "run.json",
        "./script.lua",
        "metrics.jsonl",
        "tensorboard/x",
    ] {
        assert!(run.write_text(name, "x").is_err(), "{name:?} was accepted");
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);

    let path = run.write_text("notes/of/mine.txt", "one").unwrap();
    run.write_text("notes/of/mine.txt", "two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "two");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    assert!(
        run.write_text("notes", "x").is_err(),
        "a folder stands there"
    );
}

#[test]
fn curves_are_kept_apart_by_stage() {
    let place = place();
    let run = place.run();
    for epoch in 1..=3 {
        let loss = 1.0 / epoch as f64;
        run.metrics("train base: seed 1", Point::Epoch(epoch), &[("loss", loss)])
            .unwrap();
    }
    run.metrics("train base/ seed 1", Point::Step(7), &[("loss", f64::NAN)])
        .unwrap();
    run.metrics("test", Point::End, &[("ndcg@10", 0.25), ("mrr@10", 0.5)])
        .unwrap();

    let text = fs::read_to_string(run.path().join("metrics.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[1]["epoch"], 2);
    assert_eq!(lines[1]["values"], json!({"loss": 0.5}));
    assert_eq!(lines[3]["step"], 7);
    assert_eq!(lines[3]["values"], json!({"loss": null}));
    assert_eq!(lines[4]["values"], json!({"ndcg@10": 0.25, "mrr@10": 0.5}));

    let mut folders: Vec<_> = fs::read_dir(run.path().join("tensorboard"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    assert_eq!(folders, ["train_base__seed_1", "train_base__seed_1-2"]);
}

#[test]
fn tables_are_written_in_both_forms() {
    let place = place();
    let run = place.run();
    let mut table = Table::new(["a"]);
    table.row(["1"]).unwrap();
    run.write_table("main", &table).unwrap();
    assert_eq!(
        fs::read_to_string(run.path().join("tables/main.csv")).unwrap(),
        "a\n1\n"
    );
    assert!(run.path().join("tables/main.md").exists());
    assert!(run.write_table("../x", &table).is_err());
}
