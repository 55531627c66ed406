//! Finds the libraries that cargo built.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The built library of a plugin of this workspace, by the name of its folder: `plugin_library("sasrec")`.
///
/// Cargo builds the libraries that a test's crate depends on before the test, so they are there. Of other plugins the
/// library is built first, with the same profile.
///
/// # Panics
/// When it cannot be built.
pub fn plugin_library(plugin: &str) -> PathBuf {
    let package = format!("lapidary-{}", plugin.replace('_', "-"));
    let file = library_file(&package);
    let beside = program_folder().join(&file);
    if beside.exists() {
        return beside;
    }
    cargo_build(&["--package", &package]);
    existing(profile_folder().join(file))
}

/// The built library of an example of this workspace's root package, which cargo builds apart from the plugins.
///
/// # Panics
/// When it cannot be built.
pub fn example_library(example: &str) -> PathBuf {
    let path = profile_folder()
        .join("examples")
        .join(library_file(example));
    // `cargo test` builds examples before the tests; `cargo test --test NAME` does not.
    if !is_newer(&path, &std::env::current_exe().unwrap_or_default()) {
        // The whole workspace, as `cargo test` built it: one package alone has other features, and builds half of all again.
        cargo_build(&["--workspace", "--example", example]);
    }
    existing(path)
}

fn library_file(package: &str) -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    format!("{DLL_PREFIX}{}{DLL_SUFFIX}", package.replace('-', "_"))
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} was not built", path.display());
    path
}

fn is_newer(path: &Path, than: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    time(path).is_some_and(|built| time(than).is_some_and(|other| built >= other))
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

/// Builds with the profile and the target folder of the running test.
fn cargo_build(what: &[&str]) {
    let profile = profile_folder();
    let name = match profile.file_name().and_then(|n| n.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--profile", name, "--target-dir"])
        .arg(profile.parent().unwrap_or(&profile))
        .args(what);
    let output = command.output().expect("cargo can be started");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{text}");
}
