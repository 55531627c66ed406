//! `report`: the same figures as a page, as Markdown, as comma-separated values and as JSON; the page in a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod browser;
mod driver;
mod figures;
mod forms;
#[path = "../place/mod.rs"]
mod place;
mod tensorboard;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use place::{Place, text, workspace};
use serde_json::Value;

/// Two seeds of base and refined over a small data set, with scores that no language model gave. The film's titles and the
/// attributes could spoil a page.
const SCRIPT: &str = r#"
    local data = lapidary.dataset("DATA")
    local split = data:leave_one_out { max_len = 20 }
    local names = { "humor", "<b>x</b> & rather_long attribute", "scares" }
    local guided = lapidary.guided(split, { attributes = names, items = lapidary.normal(7, data.items, 3) })
    local base_runs, refined_runs = {}, {}
    for seed = 1, lapidary.setting("seeds", 2) do
      local training = { epochs = lapidary.setting("epochs", 3), seed = seed, batch_size = 16 }
      local base = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 }):fit(split, training)
      local refined = lapidary.refine { base = base, guided = guided, reduced_dim = 8 }
      local model = lapidary.backbone("sasrec", { heads = 1, layers = 1 }):fit(split, refined, training)
      base_runs[seed], refined_runs[seed] = base:evaluate(split.test), model:evaluate(split.test)
    end
    local popular = lapidary.popularity(split):evaluate(split.test)
    if lapidary.setting("compare", true) then
      print(lapidary.compare { { "base", base_runs }, { "refined", refined_runs }, { "popularity", { popular } } })
    end
"#;

const HOSTILE: &str = "</script><script>alert(1)</script> {{ 7 * 7 }} \"x\" 'y' & <img src=x>";

/// The small data set with one hostile title, and runs over it: one that compares, one that does not.
struct Runs {
    place: Place,
    first: PathBuf,
    second: PathBuf,
}

fn runs() -> &'static Runs {
    static RUNS: OnceLock<Runs> = OnceLock::new();
    RUNS.get_or_init(|| {
        let place = Place::new();
        let tiny = workspace().join("tests/fixtures/tiny");
        let data = place.path("tiny");
        std::fs::create_dir(&data).unwrap();
        let items = std::fs::read_to_string(tiny.join("items.jsonl")).unwrap();
        let items: Vec<String> = (items.lines().enumerate())
            .map(|(number, line)| {
                let mut item: Value = serde_json::from_str(line).unwrap();
                if number == 0 {
                    item["title"] = HOSTILE.into();
                }
                item.to_string()
            })
            .collect();
        std::fs::write(data.join("items.jsonl"), items.join("\n")).unwrap();
        std::fs::copy(tiny.join("interactions.tsv"), data.join("interactions.tsv")).unwrap();
        let spec = "name = 'tiny'\nformat = 'canonical'\npath = 'tiny'\n";
        std::fs::write(place.path("tiny.toml"), spec).unwrap();
        let script = place.path("experiment.lua");
        let text_of = SCRIPT.replace("DATA", place.path("tiny.toml").to_str().unwrap());
        std::fs::write(&script, text_of).unwrap();
        let run = |more: &[&str]| {
            text(&place.run(script.to_str().unwrap(), more));
            place.latest_run()
        };
        let first = run(&[]);
        // Folders made in the same second are told apart by a number.
        let second = run(&[
            "--set",
            "compare=false",
            "--set",
            "epochs=2",
            "--set",
            "seeds=1",
        ]);
        assert!(first != second);
        Runs {
            place,
            first,
            second,
        }
    })
}

/// The program on these runs.
fn report(runs: &Runs, folders: &[&PathBuf], more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .current_dir(runs.place.folder.path())
        .arg("report")
        .args(folders)
        .args(["--store", "store", "--plugin-dir", "plugins"])
        .args(more)
        .output()
        .unwrap()
}

fn told() -> &'static Value {
    static TOLD: OnceLock<Value> = OnceLock::new();
    TOLD.get_or_init(|| {
        let runs = runs();
        let printed = text(&report(runs, &[&runs.first, &runs.second], &["--json"]));
        serde_json::from_str(&printed).unwrap()
    })
}

#[test]
fn a_run_whose_artefacts_were_collected_is_shown_without_them() {
    let runs = runs();
    let store = tempfile::tempdir().unwrap();
    let arguments = ["--store", store.path().to_str().unwrap(), "-o", "bare.html"];
    let folder = runs.first.to_str().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .current_dir(runs.place.folder.path())
        .args(["report", folder, "--plugin-dir", "plugins"])
        .args(arguments)
        .output()
        .unwrap();
    text(&output);
    let said = String::from_utf8_lossy(&output.stderr);
    for part in [
        "data set",
        "intervals of base, seed 1",
        "case studies",
        "map",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let page = std::fs::read_to_string(runs.place.path("bare.html")).unwrap();
    assert!(
        page.contains("Not shown") && page.contains("Comparisons"),
        "{page}"
    );
    assert!(!page.contains("Map of the items"));
    let mut kept = std::fs::read_dir(store.path()).unwrap();
    let is_lock = |name: std::ffi::OsString| name.to_string_lossy().starts_with('.');
    assert!(
        kept.all(|entry| is_lock(entry.unwrap().file_name())),
        "nothing is put into the store"
    );
}

#[test]
fn what_cannot_be_reported_is_told() {
    let runs = runs();
    let refused = |folders: &[&PathBuf], more: &[&str], code: i32, words: &[&str]| {
        let output = report(runs, folders, more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(output.stdout.is_empty());
        for word in words {
            assert!(said.contains(word), "`{word}` is not in: {said}");
        }
    };
    let first = &runs.first;
    refused(&[], &[], 2, &["RUN"]);
    refused(&[&runs.place.path("nothing")], &[], 2, &["no such run"]);
    refused(&[&runs.place.path("store")], &[], 1, &["no run.json in it"]);
    refused(
        &[first],
        &["-o", "report.pdf"],
        2,
        &["report.pdf", "--format"],
    );
    refused(
        &[first],
        &["--user", "nobody"],
        2,
        &["no user has the identifier `nobody`"],
    );
    refused(&[first], &["--model", "zzz"], 2, &["unknown model `zzz`"]);
    let broken = runs.place.path("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("run.json"), "{\"format\": 1").unwrap();
    refused(&[&broken], &[], 1, &["run.json: damaged"]);
}
