//! The `lapidary` program from outside: commands, exit codes, the forms of `JSON.md`, signals, closed pipes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod collect;
mod components;
mod data;
mod films;
mod log;
mod messages;
mod past;
mod reasons;
mod removing;
mod repl;
mod runs;
#[path = "../../plugins/llm_openai/tests/common/mod.rs"]
mod server;
mod terminal;
mod watch;

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use assert_cmd::assert::{Assert, OutputAssertExt};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with the program and some plugins beside it, so that what else lies in cargo's folders does not matter. It is
/// as deep in the checkout as cargo's own: the program finds libtorch from there.
fn installation() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli");
        fs::create_dir_all(&folder).unwrap();
        let program = assert_cmd::cargo::cargo_bin!("lapidary");
        install(program, &folder);
        // Cargo builds the libraries of this package's dependencies beside its tests.
        let test = std::env::current_exe().unwrap();
        for plugin in ["sasrec", "reducers", "prompts", "llm_openai"] {
            let file = format!("{DLL_PREFIX}lapidary_{plugin}{DLL_SUFFIX}");
            install(&test.with_file_name(file), &folder);
        }
        folder
    })
}

/// Puts a file into a folder; others may be doing the same.
fn install(file: &Path, folder: &Path) {
    let target = folder.join(file.file_name().unwrap());
    let own = target.with_extension(format!("{}.tmp", std::process::id()));
    let _ = fs::remove_file(&own);
    fs::hard_link(file, &own).unwrap();
    fs::rename(&own, &target).unwrap();
    // Renaming to another name of the same file does nothing.
    let _ = fs::remove_file(&own);
}

/// The program, in a working directory of its own.
fn lapidary(at: &TempDir) -> Command {
    let mut command = Command::new(installation().join("lapidary"));
    command.current_dir(at.path()).env("OMP_NUM_THREADS", "1");
    for variable in [
        "LAPIDARY_PLUGIN_PATH",
        "LAPIDARY_MODELS",
        "LAPIDARY_LOG",
        "RUST_BACKTRACE",
    ] {
        command.env_remove(variable);
    }
    command
}

fn run(at: &TempDir, arguments: &[&str]) -> Assert {
    lapidary(at).args(arguments).assert()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn json_of(at: &TempDir, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&run(at, arguments).code(0))).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// Fails with `code`, says `words` on standard error, shows no backtrace, and prints nothing.
fn refused(at: &TempDir, arguments: &[&str], code: i32, words: &[&str]) {
    let assert = run(at, arguments).code(code);
    let said = stderr(&assert);
    assert!(said.starts_with("error: "), "{said}");
    assert!(
        !said.contains("panicked") && !said.contains("backtrace"),
        "{said}"
    );
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert_eq!(stdout(&assert), "");
}

#[test]
fn every_command_explains_itself() {
    let at = folder();
    let commands = [
        "run",
        "repl",
        "runs",
        "runs list",
        "runs show",
        "runs compare",
        "runs rm",
        "runs gc",
        "recommend",
        "explain",
        "report",
        "plugins",
        "describe",
        "data",
        "data import",
        "data info",
        "doctor",
    ];
    for command in commands {
        let arguments: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let help = stdout(&run(&at, &arguments).code(0));
        assert!(
            help.contains(&format!("Usage: lapidary {command}")),
            "{help}"
        );
    }
    let help = stdout(&run(&at, &["--help"]).code(0));
    assert!(
        help.contains("Exit codes: 0 done, 1 the run failed, 2 wrong use."),
        "{help}"
    );
    assert!(stdout(&run(&at, &["--version"]).code(0)).starts_with("lapidary 0."));
}

#[test]
fn wrong_use_ends_with_2() {
    let at = folder();
    fs::write(at.path().join("first.lua"), "").unwrap();
    run(&at, &[]).code(2);
    refused(&at, &["plugin"], 2, &["plugins"]);
    refused(&at, &["run"], 2, &["SCRIPT"]);
    refused(
        &at,
        &["run", "frist.lua"],
        2,
        &["frist.lua: no such script", "did you mean first.lua?"],
    );
    refused(&at, &["run", "."], 2, &["not a file"]);
    refused(
        &at,
        &["run", "first.lua", "--set", "dim"],
        2,
        &["expected KEY=VALUE"],
    );
    refused(
        &at,
        &["run", "first.lua", "--set", "=3"],
        2,
        &["no parameter's name"],
    );
    refused(
        &at,
        &["run", "first.lua", "--device", "gpu"],
        2,
        &["cuda:N"],
    );
    refused(
        &at,
        &["run", "first.lua", "--device", "cuda:99"],
        2,
        &["cuda:99", "lapidary doctor"],
    );
    refused(&at, &["run", "first.lua", "--seed=-1"], 2, &["--seed"]);
    refused(
        &at,
        &["run", "first.lua", "--threads", "0"],
        2,
        &["--threads"],
    );
    refused(
        &at,
        &["run", "first.lua", "--plugin-dir", "none"],
        2,
        &["--plugin-dir none: no such folder"],
    );
    refused(
        &at,
        &["describe", "x", "--kind", "backbon"],
        2,
        &["did you mean `backbone`?"],
    );
    refused(
        &at,
        &["data", "info", "nothing"],
        2,
        &["nothing: no such file or folder"],
    );
    refused(
        &at,
        &["data", "import", "nothing.toml"],
        2,
        &["nothing.toml: no such file or folder"],
    );
    assert!(!at.path().join("runs").exists(), "wrong use makes no run");
}

#[test]
fn a_log_filter_that_cannot_be_read_is_wrong_use() {
    let at = folder();
    let assert = lapidary(&at)
        .arg("plugins")
        .env("LAPIDARY_LOG", "a=b=c")
        .assert()
        .code(2);
    assert!(
        stderr(&assert).contains("LAPIDARY_LOG"),
        "{}",
        stderr(&assert)
    );
}

#[test]
fn the_doctor_tells_what_it_found() {
    let at = folder();
    fs::create_dir(at.path().join("models")).unwrap();
    fs::write(at.path().join("models/tiny.gguf"), "").unwrap();
    let mut command = lapidary(&at);
    command
        .args(["doctor", "--json"])
        .env("LAPIDARY_MODELS", at.path().join("models"));
    let report: Value = serde_json::from_str(&stdout(&command.assert().code(0))).unwrap();
    let expected = [
        "format",
        "lapidary",
        "libtorch",
        "devices",
        "gpu_problem",
        "threads",
        "plugins",
        "models",
        "store",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(report["format"], 1);
    assert_eq!(
        keys(&report["libtorch"]),
        ["version", "file", "other_copies"]
    );
    assert_eq!(report["libtorch"]["version"], "2.11.0");
    assert_eq!(
        report["libtorch"]["other_copies"].as_array().unwrap().len(),
        0
    );
    let file = report["libtorch"]["file"].as_str().unwrap();
    assert!(
        file.ends_with("libtorch_cpu.so") && fs::exists(file).unwrap(),
        "{file}"
    );
    assert_eq!(report["devices"][0], "cpu");
    let gpus = report["devices"].as_array().unwrap().len() - 1;
    assert_eq!(report["gpu_problem"].is_null(), gpus > 0);
    assert_eq!(
        keys(&report["threads"]),
        ["cores", "within_operations", "between_operations"]
    );
    assert_eq!(keys(&report["plugins"]), ["searched", "loaded", "refused"]);
    assert_eq!(
        keys(&report["plugins"]["loaded"][0]),
        ["file", "components"]
    );
    assert_eq!(keys(&report["models"]), ["searched", "found"]);
    let model = &report["models"]["found"][0];
    assert_eq!(keys(model), ["name", "form", "path"]);
    assert_eq!(
        (&model["name"], &model["form"]),
        (&"tiny".into(), &"gguf".into())
    );
    assert_eq!(keys(&report["store"]), ["path", "exists", "holds"]);
    assert_eq!(report["store"]["exists"], false);
    let plain = stdout(&run(&at, &["doctor"]).code(0));
    assert!(
        plain.contains("libtorch  2.11.0, ") && plain.contains("not there yet"),
        "{plain}"
    );
}

#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    use std::process::Stdio;
    let at = folder();
    for arguments in [
        &["plugins"][..],
        &["plugins", "--json"],
        &["doctor"],
        &["--help"],
    ] {
        let mut command = lapidary(&at);
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
    }
}
