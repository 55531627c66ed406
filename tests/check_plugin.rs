//! `lapidary check-plugin`: what is sound passes, and the report of what is not names the fault.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "plugin_bad/build.rs"]
mod build;

use std::path::Path;
use std::process::{Command, Output};

use build::{Workshop, text};
use lapidary_testkit::library::{plugin_library, sample_library};
use serde_json::Value;

fn check(plugin: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("OMP_NUM_THREADS", "1")
        .arg("check-plugin")
        .arg(plugin)
        .args(more)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {errors}"))
}

/// Name, finding and cure of each check that failed.
fn failures(answer: &Value) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let reports = answer["reports"].as_array().unwrap().iter();
    let checks = reports.flat_map(|report| report["checks"].as_array().unwrap());
    checks
        .filter(|check| check["outcome"] == "failed")
        .map(|check| {
            assert!(!text(&check["fix"]).is_empty(), "{check}");
            assert!(!text(&check["section"]).is_empty(), "{check}");
            ["name", "found", "fix"].map(|key| text(&check[key]))
        })
        .collect()
}

#[test]
fn built_plugins_pass() {
    let output = check(
        &plugin_library("reducers"),
        &["--component", "pca", "--json"],
    );
    let answer = json(&output);
    assert!(failures(&answer).is_empty(), "{answer}");
    assert!(output.status.success() && answer["passed"] == true);
    let subjects = answer["reports"].as_array().unwrap();
    let checks = subjects[1]["checks"].as_array().unwrap();
    let named = |name: &str| checks.iter().find(|c| c["name"] == name).unwrap();
    for name in [
        "description",
        "shapes",
        "determinism",
        "save and load",
        "seed",
    ] {
        assert_eq!(named(name)["outcome"], "passed", "{name}");
    }
    for (name, told) in [("leaks", "transform"), ("speed", "fit of [40,9]: ")] {
        let found = named(name)["found"].as_str().unwrap();
        assert!(found.contains(told), "{found}");
    }

    let output = check(&sample_library(), &[]);
    assert!(output.status.success(), "{}", out(&output));
    assert!(
        out(&output).contains("  passed   gradients"),
        "{}",
        out(&output)
    );
    assert!(out(&output).contains(" passed, 0 failed, "));
}

#[test]
fn a_lua_component_is_checked_by_its_file_and_by_its_name() {
    let file = Path::new("scripts/components/rotation.lua");
    assert!(check(file, &["--set", "rotate=false"]).status.success());
    let output = check(
        Path::new("rotatoin"),
        &["--plugin-dir", "scripts/components"],
    );
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("did you mean `rotation`"), "{said}");
}

/// Each fault of a C plugin, and the check that must find it.
#[test]
fn the_report_names_the_fault() {
    let shop = Workshop::new();
    let short = text(
        "SETTINGS",
        r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#,
    );
    let defaults = text("DEFAULTS", r#"{"a":1}"#);
    let cases: &[(&[&str], &str, &str)] = &[
        (
            &["MAGIC=0x123456789"],
            "loading",
            "its manifest begins with",
        ),
        (&["DESCRIBE=0"], "loading", "`describe` is null"),
        (
            &[&short, &defaults],
            "description",
            "`a` has no description",
        ),
        (&["CREATE_STATUS=1"], "create", "no room"),
        (
            &["OUTPUT=zeros(4, 5, 6)"],
            "shapes",
            "expected f32 [N=40, dim=4]",
        ),
        (
            &["OUTPUT=zeros(rows(call->inputs[0].tensor), 4, 7)"],
            "shapes",
            "found f64",
        ),
        (&["INVOKE_STATUS=2"], "shapes", "panicked: it went wrong"),
        // The good one gives zeros to every table: it refuses nothing, and says so.
        (&[], "refusals", "must be refused, but was taken"),
    ];
    for (i, (macros, name, found)) in cases.iter().enumerate() {
        let plugin = shop.plugin(&format!("plugin{i}.so"), macros);
        let output = check(&plugin, &["--json"]);
        assert_eq!(output.status.code(), Some(1), "{macros:?}");
        let failures = failures(&json(&output));
        let fits = |[n, f, _]: &[String; 3]| n == name && f.contains(found);
        assert!(failures.iter().any(fits), "{macros:?}: {failures:?}");
    }
}

#[test]
fn a_leak_is_found() {
    let shop = Workshop::new();
    let leak = "BEFORE_INVOKE=memset(malloc(40000), 1, 40000)";
    let output = check(&shop.plugin("leaks.so", &[leak]), &["--json"]);
    let failures = failures(&json(&output));
    let [_, found, _] = failures.iter().find(|[n, ..]| n == "leaks").unwrap();
    assert!(found.contains("`transform`"), "{found}");
}

/// Holds that one check fails, of that name, with these words of what was found and of what to mend.
fn fails_alone(plugin: &Path, more: &[&str], [name, found, fix]: [&str; 3]) {
    let output = check(plugin, &[more, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{more:?}");
    let failures = failures(&json(&output));
    let [[n, f, x]] = failures.as_slice() else {
        panic!("{more:?}: {failures:?}");
    };
    assert_eq!(n, name, "{f}");
    assert!(f.contains(found) && x.contains(fix), "{f}\n{x}");
}

/// They load and compute, and only what comes out is wrong.
#[test]
fn wrong_gradients_chance_and_lost_parameters_are_found() {
    for (fault, expected) in [
        (
            "wrong_gradient",
            [
                "gradients",
                "finite differences say",
                "a derivative of its own must have the right one",
            ],
        ),
        (
            "cut_gradient",
            ["gradients", "no gradient reaches `input`", "no `detach`"],
        ),
        (
            "unseeded",
            [
                "determinism",
                "equal seeds give equal parameters `weight`, but they differ by up to",
                "draw first values and dropout from libtorch's generator",
            ],
        ),
        (
            "forgets_bias",
            [
                "save and load",
                "a loaded state gives the same hidden states, but they differ by up to",
                "`save` gives all that was learned",
            ],
        ),
    ] {
        let setting = format!("fault={fault}");
        fails_alone(&sample_library(), &["--set", &setting], expected);
    }
}

/// The shift is no part of what is saved.
const FORGETFUL: &str = "
    local Reducer = { kind = 'reducer', summary = 'The first columns, shifted.' }
    function Reducer.create() return { shift = 0 } end
    function Reducer.fit(self, values, dim)
      self.shift, self.state = values:mean():item(), { columns = lapidary.ones(dim) }
    end
    function Reducer.transform(self, values)
      return values:slice(2, 1, #self.state.columns) - self.shift
    end
    return Reducer";

#[test]
fn a_lua_component_that_saves_half_of_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forgetful.lua");
    std::fs::write(&file, FORGETFUL).unwrap();
    let found = "a loaded state reduces alike, but they differ by up to";
    let fix = "`load` takes all of it back";
    fails_alone(&file, &[], ["save and load", found, fix]);
}

#[test]
fn how_far_the_checks_are_is_told_while_they_run() {
    let shop = Workshop::new();
    let plugin = shop.plugin("good.so", &[]);
    let output = check(&plugin, &["--json", "--log", "json"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let stage = format!("check {}", plugin.display());
    let events: Vec<Value> = errors
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["stage"] == stage.as_str())
        .collect();
    let (first, last) = (events.first().unwrap(), events.last().unwrap());
    assert_eq!([&first["event"], &last["event"]], ["begin", "end"]);
    let reports = json(&output)["reports"].as_array().unwrap().clone();
    let checks = reports
        .iter()
        .map(|r| r["checks"].as_array().unwrap().len());
    assert_eq!(last["done"], checks.sum::<usize>());
    let quiet = check(&plugin, &["--json", "--log", "json", "--quiet"]);
    assert!(!String::from_utf8_lossy(&quiet.stderr).contains(&stage));
}

#[test]
fn a_plugin_that_ends_its_process_is_told_with_the_check() {
    let shop = Workshop::new();
    let output = check(&shop.throwing("throws.so"), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = out(&output);
    assert!(said.contains("FAILED   shapes"), "{said}");
    assert!(said.contains("signal 6"), "{said}");
    assert!(said.contains("see: ABI.md, section Status codes"), "{said}");
}
