//! `run`: output, the run's folder, failures, interrupts.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::*;

pub fn script(text: &str) -> TempDir {
    let at = folder();
    fs::write(at.path().join("script.lua"), text).unwrap();
    at
}

/// The folders of all runs, oldest first.
pub fn run_folders(at: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(at.path().join("runs")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    folders.sort_by_key(|folder| {
        fs::metadata(folder.join("script.lua"))
            .unwrap()
            .modified()
            .unwrap()
    });
    folders
}

pub fn run_json(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("run.json")).unwrap()).unwrap()
}

pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Waits, but not for ever: a program that does not stop fails the test.
pub fn wait(mut child: Child) -> (ExitStatus, String) {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("the program did not stop");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    (output.status, String::from_utf8(output.stderr).unwrap())
}

pub fn start(at: &TempDir) -> Child {
    lapidary(at)
        .args(["run", "script.lua", "--device", "cpu"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the script printed a line.
pub fn wait_for_line(child: &mut Child) {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
}

#[test]
fn a_script_prints_and_leaves_a_folder() {
    let at = script("print('hello ' .. lapidary.setting('name', 'world'), lapidary.seed)");
    let assert = run(
        &at,
        &[
            "run",
            "script.lua",
            "--set",
            "name=you",
            "--seed",
            "7",
            "--device",
            "cpu",
        ],
    );
    assert_eq!(stdout(&assert.code(0)), "hello you\t7\n");
    let folders = run_folders(&at);
    assert_eq!(folders.len(), 1);
    let told = run_json(&folders[0]);
    assert_eq!(told["outcome"], "done");
    assert_eq!(told["set"]["name"], "you");
    assert_eq!((&told["seed"], &told["device"]), (&7.into(), &"cpu".into()));
    assert_eq!(told["versions"]["libtorch"], "2.11.0");
    assert_eq!(told["command"][1], "run");
}

#[test]
fn threads_runs_and_store_are_where_they_are_said_to_be() {
    let at = script("print(lapidary.dry_run)");
    let arguments = [
        "run",
        "script.lua",
        "--threads",
        "1",
        "--runs",
        "mine/runs",
        "--store",
        "mine/store",
        "--dry-run",
    ];
    assert_eq!(stdout(&run(&at, &arguments).code(0)), "true\n");
    let folder = fs::read_dir(at.path().join("mine/runs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(
        (&run_json(&folder)["threads"], &run_json(&folder)["dry_run"]),
        (&1.into(), &true.into())
    );
    assert!(at.path().join("mine/store").is_dir() && !at.path().join(".lapidary").exists());
}

#[test]
fn a_failing_script_names_its_line() {
    let at = script("local t = nil\nprint(t.x)");
    refused(
        &at,
        &["run", "script.lua"],
        1,
        &["script.lua:2: ", "nil value"],
    );
    let told = run_json(&run_folders(&at)[0]);
    assert_eq!(told["outcome"], "failed");
    assert!(
        told["message"].as_str().unwrap().contains("script.lua:2"),
        "{told}"
    );

    let at = script("print(1\n");
    refused(&at, &["run", "script.lua"], 1, &["script.lua:"]);
}

#[test]
fn an_unknown_component_in_a_script_shows_the_nearest() {
    let at = script("\nlocal r = lapidary.reducer('pac', {})");
    refused(
        &at,
        &["run", "script.lua"],
        1,
        &[
            "script.lua:2: ",
            "unknown reducer `pac`",
            "did you mean `pca`?",
        ],
    );
}

#[test]
fn a_setting_that_the_script_does_not_have_is_wrong_use() {
    let at = script("lapidary.setting('dim', 64)");
    refused(
        &at,
        &["run", "script.lua", "--set", "dmi=32"],
        2,
        &["dmi", "did you mean `dim`?"],
    );
    refused(
        &at,
        &["run", "script.lua", "--set", "dim=wide"],
        2,
        &["`wide` is not a whole number"],
    );
}

#[test]
fn nobody_reading_what_a_script_prints_is_no_failure() {
    let at = script("for i = 1, 10000 do print('a line') end");
    let mut child = start(&at);
    drop(child.stdout.take());
    let (status, said) = wait(child);
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}

#[test]
fn both_signals_stop_a_script() {
    for name in ["INT", "TERM"] {
        let at = script("print('ready') while true do end");
        let mut child = start(&at);
        wait_for_line(&mut child);
        signal(&child, name);
        let (status, said) = wait(child);
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(
            said.contains("error: interrupted; run the same command again to resume"),
            "{said}"
        );
        assert_eq!(run_json(&run_folders(&at)[0])["outcome"], "interrupted");
    }
}

#[test]
fn a_second_signal_ends_at_once_whatever_the_script_does() {
    let endless = "local function spin() while true do end end
        print('ready') while true do pcall(spin) end";
    let at = script(endless);
    let mut child = start(&at);
    wait_for_line(&mut child);
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    if child.try_wait().unwrap().is_none() {
        signal(&child, "INT");
    }
    let (status, said) = wait(child);
    assert_eq!(status.code(), Some(1), "{said}");
}

const TRAIN: &str = "
    local data = lapidary.dataset('tiny.toml')
    local split = data:leave_one_out { max_len = 8 }
    local embedder = lapidary.base_embedder('sasrec', { dim = 8, layers = 1 })
    local base = embedder:fit(split, { epochs = 300, patience = 300, batch_size = 16, checkpoint_every = 1, seed = 3 })
    print(#base.model:history().epochs, base:table():norm():item())
";

fn training() -> TempDir {
    let at = script(TRAIN);
    tiny_data(&at);
    at
}

/// `tiny.toml`, a data set of 40 users and 24 items.
pub fn tiny_data(at: &TempDir) {
    let spec = "name = 'tiny'\nformat = 'table'\ninteractions = 'rows.tsv'\n\
                [columns]\nuser = 'user'\nitem = 'item'\ntime = 'time'\n";
    fs::write(at.path().join("tiny.toml"), spec).unwrap();
    let mut rows = "user\titem\ttime\n".to_owned();
    for user in 0..40 {
        for step in 0..8 {
            rows += &format!(
                "u{user}\ti{}\t{}\n",
                (user * 7 + step * (1 + user % 3)) % 24,
                step
            );
        }
    }
    fs::write(at.path().join("rows.tsv"), rows).unwrap();
}

/// Number and values of the epochs in a run's `metrics.jsonl`; the values include the time that each took.
fn epochs(folder: &Path) -> Vec<(u64, Value)> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| (line["epoch"].as_u64().unwrap(), line["values"].clone()))
        .collect()
}

#[test]
fn an_interrupted_training_resumes_and_ends_as_if_it_had_not_been() {
    let at = training();
    let child = start(&at);
    let begun = Instant::now();
    loop {
        let folders = fs::exists(at.path().join("runs"))
            .unwrap()
            .then(|| run_folders(&at));
        if folders
            .and_then(|f| f.first().map(|f| epochs(f).len()))
            .unwrap_or(0)
            >= 3
        {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "no epoch was told"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "INT");
    let (status, said) = wait(child);
    assert_eq!(status.code(), Some(1), "{said}");

    let resumed = stdout(&run(&at, &["run", "script.lua", "--device", "cpu"]).code(0));
    let folders = run_folders(&at);
    let (first, second) = (epochs(&folders[0]), epochs(&folders[1]));
    // Epochs that were done before are told again with the times that they took then.
    assert!((3..300).contains(&first.len()), "{}", first.len());
    assert_eq!(second[..first.len()], first);
    let numbers: Vec<u64> = second.iter().map(|(number, _)| *number).collect();
    assert!(numbers.iter().copied().eq(1..=300), "{numbers:?}");

    let fresh = training();
    let whole = stdout(&run(&fresh, &["run", "script.lua", "--device", "cpu"]).code(0));
    assert_eq!(resumed, whole);

    let again = stdout(&run(&at, &["run", "script.lua", "--device", "cpu"]).code(0));
    assert_eq!(again, whole);
    assert_eq!(
        epochs(&run_folders(&at)[2]),
        Vec::new(),
        "a finished stage is loaded"
    );
}
