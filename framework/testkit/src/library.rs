//! Finds the libraries that cargo built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const SAMPLE: &str = "sample_plugin";

/// The built library of a plugin of this workspace, by the name of its folder: `plugin_library("sasrec")`.
///
/// # Panics
/// When it cannot be built.
pub fn plugin_library(plugin: &str) -> PathBuf {
    let file = library_file(&format!("lapidary-{plugin}"));
    let folder = format!("plugins/{plugin}");
    let sources = [format!("{folder}/src"), format!("{folder}/Cargo.toml")];
    up_to_date(program_folder().join(file), &sources)
}

/// The built library of the package whose integration test runs: cargo has just built it beside the test.
///
/// # Panics
/// When the package is no library of type `cdylib`.
pub fn of_this_test(package: &str) -> PathBuf {
    let library = program_folder().join(library_file(package));
    let needed = "`crate-type = [\"cdylib\", \"rlib\"]` belongs into `[lib]` of its Cargo.toml";
    assert!(library.exists(), "{}: {needed}", library.display());
    library
}

/// The built library of the example in `tests/fixtures/sample_plugin.rs`, which cargo builds apart from the plugins.
///
/// # Panics
/// When it cannot be built.
pub fn sample_library() -> PathBuf {
    let library = profile_folder().join("examples").join(library_file(SAMPLE));
    up_to_date(library, &[format!("tests/fixtures/{SAMPLE}.rs")])
}

/// `library`, built first where something that it is made of is newer. After `cargo test --workspace` nothing is; other
/// commands build the libraries of their own package's dependencies only.
fn up_to_date(library: PathBuf, sources: &[String]) -> PathBuf {
    let built = modified(&library);
    let shared = ["framework/sdk/src", "framework/abi/src"];
    let mut sources = sources.iter().map(String::as_str).chain(shared);
    let is_old = |source| newest(&workspace_folder().join(source)) > built;
    if built.is_none() || sources.any(is_old) {
        cargo_build();
    }
    assert!(library.exists(), "{} was not built", library.display());
    library
}

/// When the file, or the latest of all in the folder, was written.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = path.read_dir() else {
        return modified(path);
    };
    entries.flatten().filter_map(|e| newest(&e.path())).max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|m| m.modified()).ok()
}

fn workspace_folder() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

fn library_file(package: &str) -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    format!("{DLL_PREFIX}{}{DLL_SUFFIX}", package.replace('-', "_"))
}

/// `target/debug/deps` of a running test.
fn program_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a test has a file");
    program.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// `target/debug` of a running test.
fn profile_folder() -> PathBuf {
    let folder = program_folder();
    match folder.file_name().is_some_and(|n| n == "deps") {
        true => folder.parent().map(Path::to_path_buf).unwrap_or_default(),
        false => folder,
    }
}

/// Builds every library with the profile and the target folder of the running test. The whole workspace with its example,
/// as `cargo test` built it: one package alone has other features, and builds half of all again.
fn cargo_build() {
    let profile = profile_folder();
    let name = match profile.file_name().and_then(|n| n.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace_folder())
        .args(["build", "--quiet", "--workspace", "--lib"])
        .args(["--example", SAMPLE])
        .args(["--profile", name, "--target-dir"])
        .arg(profile.parent().unwrap_or(&profile));
    let output = command.output().expect("cargo can be started");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{text}");
}
