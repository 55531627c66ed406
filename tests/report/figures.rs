//! What is told is what the run left.

use std::path::PathBuf;

use serde_json::Value;

use super::{runs, told};

fn read(file: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The lines of the first run's `metrics.jsonl`.
fn noted() -> Vec<Value> {
    let lines = std::fs::read_to_string(runs().first.join("metrics.jsonl")).unwrap();
    let lines = lines.lines();
    lines.map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// A place in the answer, and the keys that it has, in order.
const FORMS: [(&str, &str); 16] = [
    ("", "format runs"),
    (
        "/runs/0",
        "run data curves evaluations comparisons tables attributes map missing model cases",
    ),
    (
        "/runs/0/run",
        "name script script_sha256 outcome message command started ended seconds seed device threads settings seeds \
         versions plugins components",
    ),
    ("/runs/0/data/0", "name fingerprint summary splits"),
    ("/runs/0/curves/0", "stage text way seed unit lines"),
    ("/runs/0/curves/0/lines/0", "name points"),
    (
        "/runs/0/evaluations/0",
        "text way seed fingerprint model split cases among n_cases tied lists metrics",
    ),
    (
        "/runs/0/evaluations/0/metrics/0",
        "metric seen mean low high",
    ),
    ("/runs/0/comparisons/0", "name figures"),
    (
        "/runs/0/comparisons/0/figures/0",
        "way metric seen mean sd gain low high p",
    ),
    ("/runs/0/attributes", "fingerprint figures attributes"),
    (
        "/runs/0/attributes/attributes/0",
        "name description mean sd quartiles counts highest lowest",
    ),
    ("/runs/0/map", "variance items attributes points"),
    (
        "/runs/0/map/points/0",
        "item title x y interactions percent",
    ),
    (
        "/runs/0/cases/0",
        "user history_length history next recommendations",
    ),
    ("/runs/0/cases/0/next", "item title place"),
];

#[test]
fn json_has_the_forms_that_are_described() {
    for (place, expected) in FORMS {
        let found = told().pointer(place).and_then(Value::as_object);
        let keys: Vec<&str> = found.unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.join(" "), expected, "{place}");
    }
    assert_eq!(told()["runs"][0]["missing"], serde_json::json!([]));
}

#[test]
fn figures_are_those_of_the_run() {
    let runs = runs();
    let (record, run) = (read(runs.first.join("run.json")), &told()["runs"][0]);
    for key in [
        "outcome", "started", "ended", "seconds", "device", "settings", "versions", "seeds",
    ] {
        assert_eq!(run["run"][key], record[key], "{key}");
    }
    let written = read(runs.first.join("tables/comparison.json"));
    assert_eq!(run["comparisons"][0]["figures"], written);

    // Each ranking's mean stands in the run's curves, inside its interval.
    let lines = noted();
    let evaluations = run["evaluations"].as_array().unwrap();
    assert_eq!(evaluations.len(), 5);
    for evaluation in evaluations {
        let stage = format!(
            "evaluation-test-{}",
            &evaluation["model"].as_str().unwrap()[..16]
        );
        let line = lines.iter().find(|line| line["stage"] == *stage).unwrap();
        for metric in evaluation["metrics"].as_array().unwrap() {
            let [mean, low, high] = ["mean", "low", "high"].map(|k| metric[k].as_f64().unwrap());
            assert!(low <= mean && mean <= high, "{metric}");
            if metric["seen"] == "removed" {
                let noted = line["values"][metric["metric"].as_str().unwrap()]
                    .as_f64()
                    .unwrap();
                assert!((noted - mean).abs() < 1e-12, "{metric}");
            }
        }
    }
    let names: Vec<&str> = evaluations
        .iter()
        .map(|e| e["text"].as_str().unwrap())
        .collect();
    let expected = [
        "base, seed 1",
        "refined, seed 1",
        "base, seed 2",
        "refined, seed 2",
        "popularity",
    ];
    assert_eq!(names, expected);
}

#[test]
fn curves_are_those_that_the_run_noted() {
    let lines = noted();
    let curve = &told()["runs"][0]["curves"][0];
    for line in curve["lines"].as_array().unwrap() {
        let of = |l: &&Value| l["stage"] == curve["stage"] && l["epoch"].is_u64();
        let name = line["name"].as_str().unwrap();
        let noted = lines
            .iter()
            .filter(of)
            .filter(|l| l["values"][name].is_f64());
        let noted: Vec<Value> = noted
            .map(|l| serde_json::json!([l["epoch"], l["values"][name]]))
            .collect();
        assert_eq!(line["points"], Value::Array(noted), "{name}");
    }
    assert_eq!(curve["lines"][0]["points"].as_array().unwrap().len(), 3);
}

#[test]
fn attributes_and_the_map_are_those_of_the_scores() {
    let run = &told()["runs"][0];
    for attribute in run["attributes"]["attributes"].as_array().unwrap() {
        let counts = attribute["counts"].as_array().unwrap().iter();
        let counted: u64 = counts.map(|c| c.as_u64().unwrap()).sum();
        assert_eq!(counted, 40);
        let quartiles: Vec<f64> = serde_json::from_value(attribute["quartiles"].clone()).unwrap();
        assert!(quartiles.is_sorted());
        let first = attribute["highest"][0]["score"].as_f64().unwrap();
        assert_eq!(first, quartiles[4]);
        assert_eq!(attribute["lowest"][0]["score"].as_f64(), Some(quartiles[0]));
    }
    let points = run["map"]["points"].as_array().unwrap();
    assert_eq!(points.len(), 40);
    for axis in ["x", "y"] {
        let sum: f64 = points.iter().map(|p| p[axis].as_f64().unwrap()).sum();
        assert!(sum.abs() < 1e-3, "{axis} is not centred: {sum}");
    }
    let had: Vec<u64> = points
        .iter()
        .map(|p| p["interactions"].as_u64().unwrap())
        .collect();
    assert!(had.is_sorted_by(|a, b| a >= b));
}

#[test]
fn rankings_that_the_script_did_not_compare_are_compared() {
    let run = &told()["runs"][1];
    assert_eq!(run["run"]["settings"]["compare"], false);
    let comparison = &run["comparisons"][0];
    assert_eq!(comparison["name"], Value::Null);
    let figures = comparison["figures"].as_array().unwrap();
    for (place, evaluation) in run["evaluations"].as_array().unwrap().iter().enumerate() {
        let figure = &figures[place];
        assert_eq!(
            (&figure["way"], &figure["metric"]),
            (&evaluation["text"], &"mrr@10".into())
        );
        let (a, b) = (&figure["mean"], &evaluation["metrics"][0]["mean"]);
        assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-6);
        assert_eq!(figure["p"].is_null(), place == 0);
    }
}
