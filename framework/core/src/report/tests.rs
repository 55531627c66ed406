#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::*;

const MODEL: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const EVALUATED: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
const SPLIT: &str = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

/// A run with two models of equal make, one of them evaluated.
fn record() -> Value {
    let model = |of: &str, seed: u64| {
        json!({"how": "made", "fingerprint": of, "inputs": {
            "split": SPLIT, "start": SPLIT, "dim": 8, "backbone": "sasrec", "settings": {}, "training": {"seed": seed},
        }})
    };
    json!({
        "format": 1, "outcome": "done", "message": null, "script": {"path": "/home/me/a.lua", "sha256": "1234"},
        "command": ["/home/me/lapidary", "run", "a.lua"], "set": {}, "seed": null, "dry_run": false, "device": "cpu",
        "threads": 2, "started": "2026-01-31T17:45:02.000Z", "ended": null, "seconds": null,
        "artefacts": {
            format!("model {}", &MODEL[..16]): model(MODEL, 1),
            format!("model {}", &OTHER[..16]): model(OTHER, 1),
            format!("evaluation {}", &EVALUATED[..16]): {"fingerprint": EVALUATED, "inputs": {
                "model": MODEL, "split": SPLIT, "cases": "test", "lists": 10, "among": "all",
            }},
        },
    })
}

fn run(folder: &Path, record: &Value, metrics: &str) -> Result<KeptRun> {
    fs::write(folder.join("run.json"), record.to_string()).unwrap();
    fs::write(folder.join("metrics.jsonl"), metrics).unwrap();
    KeptRun::open(folder)
}

fn metrics() -> String {
    let lines = [
        json!({"time": 1.0, "stage": format!("base-sasrec-{}", &MODEL[..16]), "epoch": 1, "values": {"loss": 2.5, "ndcg@10": 0.1}}),
        json!({"time": 2.0, "stage": format!("base-sasrec-{}", &MODEL[..16]), "epoch": 2, "values": {"loss": 1.5, "ndcg@10": null}}),
        json!({"time": 2.0, "stage": "mine", "step": 7, "values": {"share": 0.5}}),
        json!({"time": 3.0, "stage": format!("evaluation-test-{}", &MODEL[..16]), "values": {"ndcg@10": 0.125}}),
    ];
    lines.map(|line| format!("{line}\n")).concat()
}

#[test]
fn without_a_store_the_folder_is_shown_and_the_rest_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &record(), &metrics()).unwrap();
    let nowhere = folder.path().join("nowhere");
    let report = gather(&run, &nowhere, None).unwrap();
    assert!(!nowhere.exists(), "a report makes no store");
    assert_eq!(report.missing.len(), 1, "{:?}", report.missing);
    assert!(report.missing[0].contains("there is no store at"));
    assert_eq!(report.run.script, "a.lua");
    assert_eq!(report.run.command, ["lapidary", "run", "a.lua"]);

    let stages: Vec<&str> = report
        .curves
        .iter()
        .map(|c| c.label.text.as_str())
        .collect();
    assert_eq!(stages, ["sasrec, seed 1 (aaaaaa)", "mine"]);
    let loss = &report.curves[0].lines[0];
    assert_eq!(
        (loss.name.as_str(), &loss.points),
        ("loss", &vec![(1, 2.5), (2, 1.5)])
    );
    assert_eq!(report.curves[0].lines[1].points, [(1, 0.1)]);
    assert_eq!(
        (report.curves[0].unit, report.curves[1].unit),
        (Unit::Epoch, Unit::Step)
    );

    let [evaluation] = report.evaluations.as_slice() else {
        panic!("one evaluation: {:?}", report.evaluations)
    };
    let figure = &evaluation.metrics[0];
    assert_eq!(
        (figure.metric.as_str(), figure.mean, figure.low),
        ("ndcg@10", 0.125, None)
    );
}

#[test]
fn a_store_that_lost_its_artefacts_is_told_by_part() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &record(), &metrics()).unwrap();
    let store = folder.path().join("store");
    fs::create_dir(&store).unwrap();
    let report = gather(&run, &store, None).unwrap();
    let told = report.missing.join("\n");
    for part in [
        "curves of sasrec, seed 1 (bbbbbb)",
        "intervals of sasrec, seed 1 (aaaaaa)",
    ] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
    assert_eq!(report.evaluations[0].metrics[0].mean, 0.125);
}

#[test]
fn comparisons_name_models() {
    let mut record = record();
    record["comparisons"]["comparison"] =
        json!({"ways": [{"name": "base", "evaluations": [EVALUATED]}]});
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &record, "").unwrap();
    let labels = Labels::of(&run);
    assert_eq!(labels.get(MODEL).text, "base");
    assert_eq!(labels.get(OTHER).text, "sasrec");
    assert_eq!(
        labels
            .of_stage(&format!("x-{}", &OTHER[..16]))
            .unwrap()
            .seed,
        Some(1)
    );
    assert!(labels.of_stage("base-").is_none());
}

#[test]
fn broken_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let gather = |record: &Value, metrics: &str| {
        let run = run(folder.path(), record, metrics)?;
        gather(&run, Path::new("nowhere"), None)
    };
    let line = "{\"stage\": \n";
    let error = gather(&record(), &format!("{}{line}", metrics())).unwrap_err();
    assert!(error.to_string().contains("metrics.jsonl:5: "), "{error}");
    // A last line without its end was cut while it was written.
    assert!(gather(&record(), &format!("{}{{\"sta", metrics())).is_ok());
    let mut strange = record();
    strange["script"] = json!("a.lua");
    let error = gather(&strange, "").unwrap_err();
    assert!(error.to_string().contains("run.json: damaged: "), "{error}");
    fs::write(folder.path().join("run.json"), "{").unwrap();
    assert!(
        KeptRun::open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("damaged")
    );
}

#[test]
fn the_map_shows_the_widest_directions() {
    let mut rows = vec![];
    for n in 0..40 {
        // The two directions have nothing to do with each other.
        let side = if [0, 3].contains(&(n % 4)) { 0.5 } else { -0.5 };
        let (wide, narrow) = (f64::from(n) - 19.5, side);
        rows.extend([0.6 * wide, 5.0 + narrow, -0.8 * wide]);
    }
    let table = Tensor::from_slice(&rows).view([40, 3]).to_kind(Kind::Float);
    let (places, shares) = map::components(&table).unwrap();
    for (n, place) in places.iter().enumerate() {
        // The axis points where its largest weight, that of the third column, is above 0.
        assert!(
            (place[0] - (19.5 - n as f64)).abs() < 1e-4,
            "{n}: {place:?}"
        );
        assert!((place[1].abs() - 0.5).abs() < 1e-4, "{n}: {place:?}");
    }
    assert!(shares[0] > 0.99 && shares[1] > 0.0 && shares[0] + shares[1] <= 1.0 + 1e-9);
}
