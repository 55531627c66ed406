//! Scripts run in a sandbox, with errors that name the script and the line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use lapidary_core::plugin::Registry;
use lapidary_script::{Error, Options, run_file};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn options(&self) -> Options {
        Options {
            device: tch::Device::Cpu,
            seed: Some(7),
            dry_run: false,
            set: Vec::new(),
            store: self.folder.path().join("store"),
            runs: self.folder.path().join("runs"),
            registry: Registry::empty(),
            model_dirs: Vec::new(),
            command: vec!["test".to_owned()],
            reads: None,
            child: Vec::new(),
            told: None,
        }
    }

    fn script(&self, text: &str) -> PathBuf {
        let path = self.folder.path().join("experiment.lua");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run_with(&self, text: &str, options: Options) -> Result<(), Error> {
        run_file(&self.script(text), options)
    }

    fn only_run(&self) -> PathBuf {
        let runs: Vec<_> = std::fs::read_dir(self.folder.path().join("runs"))
            .unwrap()
            .collect();
        assert_eq!(runs.len(), 1);
        runs.into_iter().next().unwrap().unwrap().path()
    }
}

fn run(text: &str) -> Result<(), Error> {
    let place = Place::new();
    place.run_with(text, place.options())
}

fn failure(text: &str) -> String {
    let message = run(text).expect_err("the script should fail").to_string();
    let (_, message) = message
        .split_once("experiment.lua")
        .expect("the message names the script");
    message.to_owned()
}

#[test]
fn tensors_are_values() {
    run(r#"
        local a = lapidary.tensor { { 1, 2 }, { 3, 4 } }
        local b = (a * 2 + 1) / a - a
        assert(#a == 2 and a.shape[1] == 2 and a.shape[2] == 2, "shape")
        assert(math.abs(b[1][1] - 2) < 1e-6, "arithmetic")
        assert(a:matmul(a)[2][1] == 15, "matmul")
        assert((-a):sum():item() == -10 and a:mean(1)[2] == 3, "reductions")
        assert((2 ^ a)[2][2] == 16, "numbers on the left")
        assert(a:transpose():totable()[1][2] == 3, "tables")
        assert(a.dtype == "float" and a.device == "cpu", "make")
        assert(tostring(a):find("4"), "text")
        lapidary.save_tensors("out/a.safetensors", { a = a })
        local back = lapidary.load_tensors(lapidary.folder .. "/out/a.safetensors").a
        assert((back - a):norm():item() == 0, "file")
    "#)
    .unwrap();
}

#[test]
fn wrong_use_of_tensors_is_explained() {
    let two = "local a = lapidary.tensor { 1, 2 }\n";
    for (script, expected) in [
        ("return a[3]", "row 3 of a tensor with rows 1 to 2"),
        ("return a + {}", "expected a tensor, as from"),
        ("return a:item()", "needs one value; this has 2"),
        ("a:free() return a + 1", "it was freed"),
        (
            "return a:matmul(lapidary.tensor { 1, 2, 3 })",
            "tensor operation failed",
        ),
        (
            "return lapidary.tensor { { 1, 2 }, { 3 } }",
            "a row has 1 values",
        ),
        ("return lapidary.tensor { 'x' }", "nested tables of numbers"),
        (
            "return lapidary.load_tensors('none.safetensors')",
            "not found",
        ),
    ] {
        let message = failure(&format!("{two}{script}"));
        assert!(
            message.starts_with(":2: ") && message.contains(expected),
            "{script}: {message}"
        );
    }
}

#[test]
fn memory_of_tensors_is_freed_and_limited() {
    // A view counts as a tensor and costs no memory: 64 MiB each, 64 GiB in all.
    let views = "local t, kept = lapidary.zeros(4096, 4096), {}\nfor i = 1, 1000 do";
    run(&format!("{views} local v = t:transpose() end")).unwrap();
    let message = failure(&format!("{views} kept[i] = t:transpose() end"));
    assert!(message.contains("the limit is 8192 MiB"), "{message}");
    let message = failure("lapidary.zeros(1 << 20, 1 << 20)");
    assert!(message.contains("would need 4194304 MiB"), "{message}");
}

#[test]
fn a_script_sees_no_more_than_it_should() {
    for name in [
        "io", "os", "require", "load", "loadfile", "dofile", "debug", "package",
    ] {
        run(&format!("assert(rawget(_G, '{name}') == nil)"))
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    for name in ["../out.txt", "/tmp/out.txt", "run.json"] {
        let message = failure(&format!("lapidary.write('{name}', 'x')"));
        assert!(message.starts_with(":1: "), "{message}");
    }
}

#[test]
fn errors_name_script_line_and_callers() {
    let message = run("local function f()\n  error('no more')\nend\nf()\n")
        .unwrap_err()
        .to_string();
    assert!(message.contains("experiment.lua:2: no more"), "{message}");
    assert!(message.contains("experiment.lua:4"), "{message}");
    let message = failure("local x = = 1");
    assert!(message.starts_with(":1: "), "{message}");
    let message = failure("local nothing\nnothing.field = 1");
    assert!(
        message.starts_with(":2: ") && message.contains("nil"),
        "{message}"
    );
}

#[test]
fn settings_come_from_the_command_line() {
    let place = Place::new();
    let script = r#"
        assert(lapidary.setting("epochs", 5) == 9)
        assert(lapidary.setting("rate", 0.5) == 0.25)
        assert(lapidary.setting("name", "x") == "y z")
        assert(lapidary.setting("on", true) == false)
        assert(lapidary.setting("other", 3) == 3)
        assert(lapidary.seed == 7)
    "#;
    let set = |pairs: &[(&str, &str)]| {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Options {
            set: owned.collect(),
            ..place.options()
        }
    };
    let good = [
        ("epochs", "9"),
        ("rate", "0.25"),
        ("name", "y z"),
        ("on", "false"),
    ];
    place.run_with(script, set(&good)).unwrap();

    let unknown = place
        .run_with("lapidary.setting('epochs', 5)", set(&[("epohcs", "9")]))
        .unwrap_err();
    assert!(
        unknown.is_usage() && unknown.to_string().contains("`epochs`"),
        "{unknown}"
    );
    let wrong = place
        .run_with("lapidary.setting('epochs', 5)", set(&[("epochs", "many")]))
        .unwrap_err();
    assert!(
        wrong.is_usage() && wrong.to_string().contains("whole number"),
        "{wrong}"
    );
}

#[test]
fn the_run_folder_tells_what_happened() {
    let place = Place::new();
    place
        .run_with(
            "lapidary.write('notes/a.txt', 'hello')\nlapidary.note('mine', { share = 0.5 })",
            place.options(),
        )
        .unwrap();
    let folder = place.only_run();
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["outcome"], "done");
    assert_eq!(
        std::fs::read_to_string(folder.join("notes/a.txt")).unwrap(),
        "hello"
    );
    assert!(
        std::fs::read_to_string(folder.join("metrics.jsonl"))
            .unwrap()
            .contains("0.5")
    );
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    let message = failure("\nlapidary.backbone('sasrec')");
    assert!(
        message.starts_with(":2: ") && message.contains("unknown backbone `sasrec`"),
        "{message}"
    );
    let message = failure("lapidary.dataset('configs/none.toml')");
    assert!(message.contains("not found"), "{message}");
}

#[test]
fn slips_are_told_with_the_nearest_name() {
    for (script, expected) in [
        (
            "lapidary.bakcbone('sasrec')",
            "unknown name `bakcbone` of `lapidary`; did you mean `backbone`?",
        ),
        (
            "return lapidary.sede",
            "unknown name `sede` of `lapidary`; did you mean `seed`",
        ),
        (
            "return lapidary.zeros(2):mena()",
            "unknown member `mena` of a tensor; did you mean `mean`",
        ),
        (
            "lapidary.components('reducr')",
            "unknown kind `reducr`; did you mean `reducer`?",
        ),
        (
            "lapidary.popularity(lapidary.zeros(2))",
            "expected a split, as from `data:leave_one_out()`; found a tensor",
        ),
        ("lapidary.zeros(2, -1)", "negative dimension"),
        ("lapidary.ones(2):norm(3)", "out of range"),
        ("lapidary.compare { metric = 1 }", "nothing to compare"),
        ("lapidary.refine { bsae = 1 }", "`base` is missing"),
        (
            "lapidary.refine { base = 5 }",
            "refine, `base`: expected a base embedding, as from `embedder:fit(split)`; found 5",
        ),
    ] {
        let message = failure(&format!("\n{script}"));
        assert!(
            message.starts_with(":2: ") && message.contains(expected),
            "{script}: {message}"
        );
    }
}

#[test]
fn a_misspelt_set_is_refused_before_the_script_runs() {
    let scene = Place::new();
    let options = Options {
        set: vec![("epohcs".to_owned(), "9".to_owned())],
        ..scene.options()
    };
    let script = "lapidary.write('ran.txt', 'x')\nlapidary.setting('epochs', 5)";
    let error = scene.run_with(script, options).unwrap_err();
    assert!(
        error.is_usage() && error.to_string().contains("did you mean `epochs`"),
        "{error}"
    );
    assert!(!scene.only_run().join("ran.txt").exists());
}

#[test]
fn every_function_is_documented() {
    let place = Place::new();
    let listing = r#"
        local names = {}
        for name, value in pairs(lapidary) do names[#names + 1] = name end
        lapidary.write("names.txt", table.concat(names, "\n"))
    "#;
    place.run_with(listing, place.options()).unwrap();
    let names = std::fs::read_to_string(place.only_run().join("names.txt")).unwrap();
    let page = include_str!("../API.md");
    for name in names.lines() {
        assert!(
            page.contains(&format!("`lapidary.{name}")),
            "API.md does not describe lapidary.{name}"
        );
    }
}
