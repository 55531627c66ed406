//! TensorBoard's own reader reads our event files.

use std::process::Command;

use lapidary_testkit::programs::python;
use serde_json::Value;

use super::{runs, workspace};

#[test]
fn tensorboard_reads_our_curves() {
    let Some(python) = python(&["tensorboard"]) else {
        return;
    };
    let run = &runs().first;
    let output = Command::new(&python)
        .arg(workspace().join("tests/fixtures/read_events.py"))
        .arg(run.join("tensorboard"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut compared = 0;
    for line in lines.filter(|line| line["epoch"].is_u64()) {
        let stage = line["stage"].as_str().unwrap();
        for (name, value) in line["values"].as_object().unwrap() {
            let points = theirs[stage][name].as_array().unwrap();
            let found = points.iter().find(|p| p[0] == line["epoch"]).unwrap();
            let (ours, theirs) = (value.as_f64().unwrap(), found[1].as_f64().unwrap());
            assert!(
                (ours - theirs).abs() <= 1e-6 * ours.abs(),
                "{stage} {name}: {ours} {theirs}"
            );
            compared += 1;
        }
    }
    assert!(compared > 20, "only {compared} values were compared");
}
