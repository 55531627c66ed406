//! `runs gc`: what no run refers to goes, all else stays.

use super::runs::{run_folders, run_json, script, signal, start, tiny_data, wait, wait_for_line};
use super::*;

const TRAIN: &str = "
    local split = lapidary.dataset('tiny.toml'):leave_one_out { max_len = 8 }
    local embedder = lapidary.base_embedder('sasrec', { dim = lapidary.setting('dim', 8), layers = 1, heads = 1 })
    local base = embedder:fit(split, { epochs = 1, batch_size = 16, patience = 1 })
    base:evaluate(split.test)
    print('ready') while lapidary.setting('go', false) do end
";

fn trained(widths: &[&str]) -> TempDir {
    let at = script(TRAIN);
    tiny_data(&at);
    for dim in widths {
        train(&at, dim);
    }
    at
}

fn train(at: &TempDir, dim: &str) {
    run(
        at,
        &[
            "run",
            "script.lua",
            "--device",
            "cpu",
            "--set",
            &format!("dim={dim}"),
        ],
    )
    .code(0);
}

/// How each artefact of the latest run came about.
fn hows(at: &TempDir) -> Vec<String> {
    let told = run_json(run_folders(at).last().unwrap());
    let notes = told["artefacts"].as_object().unwrap().values();
    notes
        .map(|note| note["how"].as_str().unwrap().to_owned())
        .collect()
}

/// Files of the store, with their sizes, and without those of locks.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push((path.display().to_string(), path.metadata().unwrap().len())),
        }
    }
    all.retain(|(path, _)| !path.ends_with("lock"));
    all.sort();
    all
}

fn store(at: &TempDir) -> std::path::PathBuf {
    at.path().join(".lapidary")
}

#[test]
fn what_runs_refer_to_stays_and_the_rest_goes() {
    let at = trained(&["8", "16"]);
    let before = files(&store(&at));
    let nothing = json_of(&at, &["runs", "gc", "--json"]);
    let expected = [
        "format",
        "dry_run",
        "store",
        "runs",
        "removed",
        "bytes",
        "kept_bytes",
        "untold",
    ];
    assert_eq!(keys(&nothing), expected);
    assert_eq!(
        (&nothing["bytes"], &nothing["removed"]),
        (&0.into(), &serde_json::json!([]))
    );
    assert_eq!(files(&store(&at)), before);

    fs::write(store(&at).join("answers.sqlite"), "answers").unwrap();
    fs::write(store(&at).join("a-users-own.txt"), "mine").unwrap();
    let second = run_folders(&at)[1].clone();
    run(&at, &["runs", "rm", second.to_str().unwrap()]).code(0);
    let before = files(&store(&at));
    let told = json_of(&at, &["runs", "gc", "--dry-run", "--json"]);
    assert_eq!(files(&store(&at)), before, "a dry run removes nothing");
    let text = stdout(&run(&at, &["runs", "gc"]).code(0));
    assert!(
        text.contains("artefact model") && text.contains("freed"),
        "{text}"
    );
    let after = files(&store(&at));
    let sum = |files: &[(String, u64)]| files.iter().map(|(_, bytes)| bytes).sum::<u64>();
    assert_eq!(told["bytes"].as_u64().unwrap(), sum(&before) - sum(&after));
    assert!(sum(&before) > sum(&after));
    let gone = told["removed"].as_array().unwrap();
    assert!(
        gone.iter().all(|thing| thing["kind"] == "artefact"),
        "{gone:?}"
    );
    assert!(
        after
            .iter()
            .any(|(path, _)| path.ends_with("answers.sqlite"))
    );
    assert!(
        after
            .iter()
            .any(|(path, _)| path.ends_with("a-users-own.txt"))
    );

    train(&at, "8");
    assert!(
        hows(&at).iter().all(|how| how == "loaded"),
        "{:?}",
        hows(&at)
    );
    train(&at, "16");
    assert!(hows(&at).iter().all(|how| how == "made"), "{:?}", hows(&at));
}

#[test]
fn data_sets_and_answers_go_only_when_told() {
    let at = trained(&["8"]);
    fs::write(store(&at).join("answers.sqlite"), "answers").unwrap();
    let run_of = run_folders(&at)[0].clone();
    run(&at, &["runs", "rm", run_of.to_str().unwrap()]).code(0);
    let kinds = |told: &Value| {
        let things = told["removed"].as_array().unwrap().iter();
        let mut kinds: Vec<String> = things
            .map(|t| t["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    let first = json_of(&at, &["runs", "gc", "--json"]);
    assert_eq!(kinds(&first), ["artefact"]);
    let rest = json_of(&at, &["runs", "gc", "--datasets", "--answers", "--json"]);
    assert_eq!(kinds(&rest), ["answers", "dataset"]);
    assert!(!store(&at).join("answers.sqlite").exists());
    train(&at, "8");
}

#[test]
fn nothing_is_collected_while_a_run_goes_on() {
    let at = trained(&[]);
    fs::write(
        at.path().join("script.lua"),
        TRAIN.replace("'go', false", "'go', true"),
    )
    .unwrap();
    let mut going = start(&at);
    wait_for_line(&mut going);
    refused(
        &at,
        &["runs", "gc"],
        1,
        &["runs go on with this store", "nothing was removed"],
    );
    let told = json_of(&at, &["runs", "gc", "--dry-run", "--json"]);
    assert_eq!(told["bytes"], 0, "a running run's artefacts are wanted");
    signal(&going, "KILL");
    wait(going);
    assert_eq!(json_of(&at, &["runs", "gc", "--json"])["bytes"], 0);
}

#[test]
fn an_interrupted_training_keeps_what_it_goes_on_from() {
    let at = script(&TRAIN.replace("epochs = 1", "epochs = 100000, checkpoint_every = 1"));
    tiny_data(&at);
    let going = start(&at);
    let work = || {
        let homes = fs::read_dir(store(&at).join("model"))
            .into_iter()
            .flatten()
            .flatten();
        let mut work = homes.filter(|e| e.file_name().to_string_lossy().ends_with(".work"));
        work.next()
            .map(|e| e.path())
            .filter(|p| fs::read_dir(p).unwrap().next().is_some())
    };
    while work().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    signal(&going, "INT");
    wait(going);
    assert_eq!(json_of(&at, &["runs", "gc", "--json"])["bytes"], 0);
    assert!(work().is_some());
    // A run of a version that did not tell of it.
    let folder = run_folders(&at)[0].clone();
    let mut told = run_json(&folder);
    told.as_object_mut().unwrap().remove("checkpoints");
    told.as_object_mut().unwrap().remove("artefacts");
    fs::write(folder.join("run.json"), told.to_string()).unwrap();
    let kept = json_of(&at, &["runs", "gc", "--json"]);
    assert_eq!(kept["untold"].as_array().unwrap().len(), 1);
    assert!(work().is_some());
    run(&at, &["runs", "rm", folder.to_str().unwrap()]).code(0);
    assert!(
        json_of(&at, &["runs", "gc", "--json"])["bytes"]
            .as_u64()
            .unwrap()
            > 0
    );
    assert!(work().is_none());
}

#[test]
fn a_record_that_cannot_be_read_may_refer_to_anything() {
    let at = trained(&["8"]);
    let folder = run_folders(&at)[0].clone();
    fs::write(folder.join("run.json"), "{").unwrap();
    let before = files(&store(&at));
    refused(
        &at,
        &["runs", "gc"],
        1,
        &["damaged", "nothing was removed", "runs rm"],
    );
    assert_eq!(files(&store(&at)), before);
}

#[test]
fn runs_in_other_folders_are_known_to_use_the_store() {
    let at = trained(&[]);
    run(
        &at,
        &[
            "run",
            "script.lua",
            "--device",
            "cpu",
            "--runs",
            "elsewhere",
        ],
    )
    .code(0);
    assert_eq!(json_of(&at, &["runs", "gc", "--json"])["bytes"], 0);
    fs::remove_dir_all(at.path().join("elsewhere")).unwrap();
    refused(
        &at,
        &["runs", "gc"],
        2,
        &["no folder of runs is known", "--runs"],
    );
    refused(
        &at,
        &["runs", "gc", "--store", "none"],
        2,
        &["no such folder"],
    );
}
