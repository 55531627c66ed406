//! Every script in `scripts/` runs from beginning to end, on a small data set, with real plugins and the real model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lapidary_testkit::library::plugin_library;

const PLUGINS: [&str; 5] = ["sasrec", "reducers", "ppmi_svd", "prompts", "llm_local"];
const SMALL: [&str; 2] = ["data=tests/fixtures/tiny.toml", "epochs=2"];

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        for plugin in PLUGINS {
            let library = plugin_library(plugin);
            std::os::unix::fs::symlink(&library, plugins.join(library.file_name().unwrap()))
                .unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, script: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lapidary"))
            .current_dir(workspace())
            .args(["run", script, "--plugin-dir"])
            .arg(self.path("plugins"))
            .arg("--store")
            .arg(self.path("store"))
            .arg("--runs")
            .arg(self.path("runs"))
            .args(more)
            .output()
            .unwrap()
    }

    fn print(&self, script: &str, set: &[&str]) -> String {
        let set: Vec<&str> = set.iter().flat_map(|&pair| ["--set", pair]).collect();
        text(&self.run(script, &set))
    }

    fn latest_run(&self) -> PathBuf {
        let mut runs: Vec<_> = std::fs::read_dir(self.path("runs"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        runs.sort();
        runs.pop().unwrap()
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a run printed, without the lines that name its folder.
fn steady(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .filter(|l| !l.contains("Everything of this run"))
        .collect()
}

#[test]
fn the_quickstart_runs_and_runs_again_from_its_artefacts() {
    let place = Place::new();
    let set = [SMALL[0], SMALL[1], "seeds=2"];
    let first = place.print("scripts/quickstart.lua", &set);
    for expected in [
        "ndcg@10",
        "refined",
        "popularity",
        "tied test items",
        "because",
        "what the other columns add",
    ] {
        assert!(first.contains(expected), "no `{expected}` in:\n{first}");
    }
    let folder = place.latest_run();
    for file in [
        "run.json",
        "metrics.jsonl",
        "rankings/refined.run",
        "rankings/refined.qrels",
        "tables/comparison.md",
    ] {
        assert!(folder.join(file).exists(), "no {file}");
    }
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["outcome"], "done");

    assert_eq!(
        run["plugins"]["lapidary-sasrec"]["sha256"]
            .as_str()
            .map(str::len),
        Some(64)
    );

    let second = place.print("scripts/quickstart.lua", &set);
    assert_eq!(steady(&first), steady(&second));
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.latest_run().join("run.json")).unwrap())
            .unwrap();
    let artefacts = run["artefacts"].as_object().unwrap();
    assert!(
        artefacts.values().all(|how| how == "loaded"),
        "{artefacts:?}"
    );
}

#[test]
fn the_other_scripts_run() {
    let place = Place::new();
    let compared = place.print(
        "scripts/compare.lua",
        &[SMALL[0], SMALL[1], "heads=1", "layers=1", "dim=16"],
    );
    assert!(compared.contains("ndcg@10"), "{compared}");
    let reduced = place.print("scripts/reducers.lua", &[SMALL[0], SMALL[1], "dim=8"]);
    assert!(reduced.contains("random_projection"), "{reduced}");
}

#[test]
fn no_script_is_left_out() {
    let mut scripts: Vec<_> = std::fs::read_dir(workspace().join("scripts"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".lua"))
        .collect();
    scripts.sort();
    assert_eq!(
        scripts,
        ["compare.lua", "quickstart.lua", "reducers.lua"],
        "add a new script to the tests above"
    );
}

#[test]
fn a_dry_run_computes_nothing_and_finds_mistakes() {
    let place = Place::new();
    let output = place.run("scripts/quickstart.lua", &["--dry-run", "--set", SMALL[0]]);
    assert!(text(&output).contains("dry run"));
    assert!(!place.path("store/model").exists() && !place.path("store/guided").exists());

    let script = place.path("typo.lua");
    let typo = "local d = lapidary.dataset('tests/fixtures/tiny.toml'):leave_one_out {}\n\
                local b = lapidary.base_embedder('sasrec', { dim = 8, dropuot = 0.1 }):fit(d)\n";
    std::fs::write(&script, typo).unwrap();
    let output = place.run(script.to_str().unwrap(), &["--dry-run"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("typo.lua:2") && errors.contains("`dropout`"),
        "{errors}"
    );
}
