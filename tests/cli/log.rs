//! Standard error: JSON lines, plain lines without a terminal, bars at one.

use super::films::{done, films};
use super::terminal::at_terminal;
use super::*;

const TRAIN: &str = r#"
    local data = lapidary.dataset("films.toml")
    local split = data:leave_one_out { max_len = 8 }
    local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
    local base = embedder:fit(split, { epochs = 2, seed = 1, batch_size = 16 })
    print("trained")
"#;

/// The lines that a run writes to standard error, and what it prints.
fn lines(script: &str, more: &[&str], code: i32) -> (Vec<Value>, String) {
    let at = films();
    fs::write(at.path().join("train.lua"), script).unwrap();
    let mut arguments = vec!["run", "train.lua", "--device", "cpu", "--log", "json"];
    arguments.extend(more);
    let assert = run(&at, &arguments).code(code);
    let said = stderr(&assert);
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    (said.lines().map(read).collect(), stdout(&assert))
}

#[test]
fn stages_are_told_as_json_lines() {
    let (lines, printed) = lines(TRAIN, &[], 0);
    assert_eq!(printed, "trained\n");
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.len() == 24, "{time}");
    }
    let of = |event: &str| {
        let found = lines
            .iter()
            .find(|line| line["event"] == event && line["stage"] == "training");
        found.unwrap_or_else(|| panic!("no {event} in {lines:?}"))
    };
    let expected = [
        "time", "level", "event", "id", "stage", "done", "total", "rate", "left", "elapsed",
        "message",
    ];
    assert_eq!(keys(of("begin")), expected);
    assert_eq!(of("begin")["done"], 0);
    let end = of("end");
    assert_eq!(
        (&end["done"], &end["id"]),
        (&end["total"], &of("begin")["id"])
    );
    let message = end["message"].as_str().unwrap();
    assert!(message.starts_with("epoch 2 of 2, loss "), "{message}");
}

#[test]
fn a_quiet_run_tells_no_stages() {
    let (lines, _) = lines(TRAIN, &["--quiet"], 0);
    assert_eq!(lines, Vec::<Value>::new());
}

#[test]
fn a_failure_is_the_last_line() {
    let (lines, printed) = lines("local base = lapidary.backbone('sasrek')\n", &[], 1);
    assert_eq!(printed, "");
    let last = lines.last().unwrap();
    assert_eq!(
        keys(last),
        ["time", "level", "event", "code", "message", "hint"]
    );
    assert_eq!(
        (&last["event"], &last["level"]),
        (&"failure".into(), &"error".into())
    );
    assert_eq!(last["code"], 1);
    let message = last["message"].as_str().unwrap();
    assert!(
        message.contains("train.lua:1: unknown backbone `sasrek`"),
        "{message}"
    );
}

/// Standard error is a pipe here: neither progress nor a warning nor the failure at the end draws.
#[test]
fn a_run_without_a_terminal_writes_plain_text() {
    let at = films();
    let script = format!("{TRAIN} lapidary.backbone('sasrek')");
    fs::write(at.path().join("train.lua"), script).unwrap();
    fs::create_dir(at.path().join("more")).unwrap();
    fs::write(at.path().join("more/broken.so"), "").unwrap();
    let arguments = [
        "run",
        "train.lua",
        "--device",
        "cpu",
        "--plugin-dir",
        "more",
    ];
    let assert = run(&at, &arguments).code(1);
    let said = stderr(&assert);
    assert!(
        said.contains("broken.so") && said.contains("sasrek"),
        "{said}"
    );
    for text in [said, stdout(&assert)] {
        assert!(!text.contains(['\x1b', '\r']), "{text:?}");
    }
}

#[test]
fn a_run_at_a_terminal_draws_a_bar() {
    let at = films();
    let script = TRAIN.replace("epochs = 2", "epochs = 100, patience = 0");
    fs::write(at.path().join("train.lua"), script).unwrap();
    let talk = ["training", "", "━", "", "epoch", "", "trained", ""];
    let (code, said) = at_terminal(&at, &["run", "train.lua", "--device", "cpu"], &talk);
    assert_eq!(code, Some(0), "{said}");
}

/// The stages that a command tells, one after the other.
fn stages(at: &TempDir, arguments: &[&str]) -> Vec<String> {
    let assert = lapidary(at)
        .args(arguments)
        .args(["--log", "json"])
        .assert()
        .code(0);
    let said = stderr(&assert);
    let lines = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let begun = lines.filter(|line| line["event"] == "begin");
    begun
        .map(|line| line["stage"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn work_on_finished_runs_is_told() {
    let at = &done().at;
    let out = folder();
    let (run, out) = (done().folder.to_str().unwrap(), out.path());
    let (tables, serving) = (out.join("tables"), out.join("serving"));
    assert_eq!(stages(at, &["report", run]), ["report", "case studies"]);
    let export = |sort, to: &Path| stages(at, &["export", sort, run, "-o", to.to_str().unwrap()]);
    assert_eq!(
        export("tables", &tables),
        [
            "opening the model",
            "tables",
            "recommendations",
            "writing recommendations"
        ]
    );
    assert_eq!(export("serving", &serving), ["opening the model", "export"]);
    assert_eq!(
        stages(at, &["runs", "gc", "--dry-run"]),
        ["looking through the store"]
    );
}

#[test]
fn a_comparison_is_told() {
    let at = films();
    let compare =
        "local e = base:evaluate(split.test) lapidary.compare { { 'a', { e } }, { 'b', { e } } }";
    fs::write(at.path().join("compare.lua"), format!("{TRAIN} {compare}")).unwrap();
    let told = stages(&at, &["run", "compare.lua", "--device", "cpu"]);
    assert_eq!(told.last().unwrap(), "comparison", "{told:?}");
}
