//! `--log json`: standard error as JSON lines.

use super::films::films;
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
