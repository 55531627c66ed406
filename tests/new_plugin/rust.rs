//! Projects in Rust: all in one workspace, built in cargo's own folder, where all that they need is built already.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{KINDS, generate, keeps_and_runs, lapidary, named, text};

/// Features that other crates of the checkout switch on: without them cargo builds half of all again. What tests need is
/// there when nothing is tested too, so that both have the same.
const ANCHOR: &str = r#"[package]
name = "anchor"
version = "0.1.0"
edition = "2024"

[dependencies]
aho-corasick = "1"
bytes = "1"
flate2 = { version = "1", features = ["zlib-rs"] }
getrandom = { version = "0.4", features = ["std", "sys_rng"] }
half = { version = "2", features = ["num-traits"] }
hashbrown = "0.17"
indexmap = "2"
lock_api = { version = "0.4", features = ["arc_lock"] }
memchr = "2"
num-complex = { version = "0.4", default-features = false, features = ["std"] }
num-integer = { version = "0.1", default-features = false, features = ["i128", "std"] }
num-traits = "0.2"
parking_lot = { version = "0.12", features = ["arc_lock"] }
rand = { version = "0.9", features = ["small_rng"] }
rand_core = { version = "0.9", features = ["os_rng"] }
regex-automata = { version = "0.4", default-features = false, features = ["dfa"] }
serde_core = "1"

[build-dependencies]
syn2 = { package = "syn", version = "2", features = ["full", "extra-traits", "visit-mut"] }
syn3 = { package = "syn", version = "3", features = ["full"] }
"#;

/// `target/debug` of this test.
fn built() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_lapidary"));
    program.parent().unwrap().to_path_buf()
}

/// Makes the projects members of one workspace. Each states the same profiles, which belong into the workspace's file.
fn join(root: &Path, projects: &[PathBuf]) {
    let mut profiles = String::new();
    for project in projects {
        let file = project.join("Cargo.toml");
        let manifest = fs::read_to_string(&file).unwrap();
        let at = manifest.find("[profile.dev]").unwrap();
        let (own, rest) = manifest.split_at(at);
        fs::write(&file, own).unwrap();
        profiles = rest.replace("[workspace]", "");
    }
    let members = "[workspace]\nresolver = \"3\"\nmembers = [\"my_*\", \"anchor\"]\n";
    let quick = "[profile.dev.package.lapidary-core]\nopt-level = 0\n";
    let manifest = format!("{members}\n{profiles}\n{quick}");
    fs::write(root.join("Cargo.toml"), manifest).unwrap();
    for file in ["Cargo.lock", "rust-toolchain.toml", ".cargo"] {
        fs::rename(projects[0].join(file), root.join(file)).unwrap();
    }
    fs::create_dir_all(root.join("anchor/src")).unwrap();
    fs::write(root.join("anchor/src/lib.rs"), "").unwrap();
    fs::write(root.join("anchor/build.rs"), "fn main() {}").unwrap();
    let testkit = Path::new(env!("CARGO_MANIFEST_DIR")).join("framework/testkit");
    let testkit = format!("{ANCHOR}\n[dependencies.lapidary-testkit]\npath = {testkit:?}\n");
    fs::write(root.join("anchor/Cargo.toml"), testkit).unwrap();
}

fn cargo(at: &Path, arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(at)
        .env("OMP_NUM_THREADS", "1")
        .args(arguments)
        .output()
        .unwrap();
    text(&output)
}

/// Builds all projects, and runs the test of one: the others' have the same text.
fn build(root: &Path) {
    let target = built();
    let target = [
        "--offline",
        "--target-dir",
        target.parent().unwrap().to_str().unwrap(),
    ];
    cargo(
        root,
        &[&["build", "--quiet", "--workspace"], &target[..]].concat(),
    );
    let reducer = named("reducer", "rust");
    let test = [
        "test",
        "--test",
        "conformance",
        "-p",
        &reducer,
        "-p",
        "anchor",
    ];
    let said = cargo(root, &[&test, &target[..]].concat());
    assert!(
        said.contains("test the_component_is_the_same_linked_in_and_loaded ... ok"),
        "{said}"
    );
}

/// Takes a project's library out of cargo's folder, where the program would find it too.
fn take(project: &Path, kind: &str) -> PathBuf {
    let file = format!("{DLL_PREFIX}{}{DLL_SUFFIX}", named(kind, "rust"));
    let folder = project.join("target/debug");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(built().join(&file), folder.join(&file)).unwrap();
    fs::remove_file(built().join(&file)).unwrap();
    Path::new("target/debug").join(file)
}

#[test]
fn rust_projects_are_built_checked_and_used() {
    if built().file_name().is_none_or(|name| name != "debug") {
        println!(
            "skipped: the projects' dependencies are built in the profile of development alone"
        );
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let projects = KINDS.map(|kind| generate(root.path(), kind, "rust"));
    join(root.path(), &projects);
    build(root.path());
    let libraries: Vec<_> = KINDS
        .iter()
        .zip(&projects)
        .map(|(kind, project)| take(project, kind))
        .collect();
    let model = projects[2].join("target/debug");
    let setting = format!("llm={}", named("llm", "rust"));
    let model = ["--set", &setting, "--plugin-dir", model.to_str().unwrap()];
    for ((kind, project), library) in KINDS.iter().zip(&projects).zip(&libraries) {
        keeps_and_runs(project, kind, "rust", library, &model);
    }
    the_manifest_is_whole(root.path());
}

/// The project as it is generated is one that cargo understands, with the SDK and the test's crate in it.
fn the_manifest_is_whole(root: &Path) {
    let into = root.join("alone");
    fs::create_dir(&into).unwrap();
    let arguments = [
        "new", "plugin", "alone", "--kind", "reducer", "--lang", "rust",
    ];
    text(&lapidary(&into, &arguments));
    let tree = ["tree", "--offline", "--edges", "normal,dev", "--depth", "1"];
    let tree = cargo(&into.join("alone"), &tree);
    for needed in ["lapidary-sdk", "lapidary-testkit", "serde"] {
        assert!(tree.contains(needed), "{tree}");
    }
}
