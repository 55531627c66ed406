//! Which crate may depend on which: data and dependencies go one way.

use crate::failure::{Failure, Result};
use crate::workspace::Workspace;
use serde_json::Value;

/// Each may depend on those before it.
const LAYERS: [&str; 6] = [
    "lapidary-abi",
    "lapidary-sdk",
    "lapidary-core",
    "lapidary-script",
    "lapidary-cli",
    "lapidary",
];
/// Conformance checks: built on the host; the program runs them, and so do tests.
const TESTKIT: &str = "lapidary-testkit";
/// The crate that may use them outside tests.
const CLI: &str = "lapidary-cli";
/// These tasks: they build before anything else does.
const XTASK: &str = "xtask";
/// All that a plugin sees.
const SDK: &str = "lapidary-sdk";
/// Libraries that one crate alone may use.
const OWNED: [(&str, &str); 2] = [("mlua", "lapidary-script"), ("libloading", "lapidary-core")];

/// A crate of the workspace.
struct Package {
    name: String,
    is_plugin: bool,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    for_tests: bool,
}

/// Compares what the manifests declare with the layers.
///
/// # Errors
/// A crate depends on what it may not; the message names each such pair.
pub fn check(workspace: &Workspace) -> Result<()> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let failed = |why: String| Failure::failed(format!("cargo {}: {why}", arguments.join(" ")));
    let output = workspace
        .cargo(arguments)
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let metadata = serde_json::from_slice(&output.stdout).map_err(|e| failed(e.to_string()))?;
    let wrong = violations(&packages(&metadata));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "step directions; to see it alone: cargo xtask test directions\n  {}\n\
         The layers stand in framework/xtask/src/directions.rs and framework/ARCHITECTURE.md.",
        wrong.join("\n  ")
    )))
}

fn packages(metadata: &Value) -> Vec<Package> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let root = text(&metadata["workspace_root"]);
    list(&metadata["packages"])
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            is_plugin: text(&package["manifest_path"]).starts_with(&format!("{root}/plugins/")),
            dependencies: list(&package["dependencies"])
                .iter()
                .map(|d| Dependency {
                    name: text(&d["name"]),
                    for_tests: d["kind"] == "dev",
                })
                .collect(),
        })
        .collect()
}

fn violations(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        let Some(allowed) = allowed(package) else {
            wrong.push(format!("{} has no place among the layers", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|p| p.name == dependency.name);
            let below = allowed.contains(&dependency.name.as_str())
                || package.name == CLI && dependency.name == TESTKIT;
            let fine = match (ours, dependency.for_tests) {
                (true, false) => below,
                (true, true) => below || may_test_with(package, dependency),
                (false, _) => may_use(package, dependency),
            };
            if !fine {
                let tests = if dependency.for_tests {
                    " in its tests"
                } else {
                    ""
                };
                wrong.push(format!(
                    "{} may not depend on {}{tests}",
                    package.name, dependency.name
                ));
            }
        }
    }
    wrong
}

/// The crates of ours that this one may depend on; none where the crate is in no layer.
fn allowed(package: &Package) -> Option<&'static [&'static str]> {
    let below = |name: &str| {
        LAYERS
            .iter()
            .position(|layer| *layer == name)
            .and_then(|at| LAYERS.get(..at))
    };
    match package.name.as_str() {
        _ if package.is_plugin => Some(&[SDK]),
        TESTKIT => below("lapidary-script"),
        XTASK => Some(&[]),
        name => below(name),
    }
}

/// Tests may use the conformance suites, and those of the whole program anything but these tasks.
fn may_test_with(package: &Package, dependency: &Dependency) -> bool {
    dependency.name == TESTKIT && package.name != XTASK
        || package.name == "lapidary" && dependency.name != XTASK
}

/// The ABI needs nothing; some libraries are seen by one crate alone.
fn may_use(package: &Package, library: &Dependency) -> bool {
    let owner = OWNED
        .iter()
        .find(|(name, _)| *name == library.name)
        .map(|(_, owner)| *owner);
    library.for_tests
        || package.name != "lapidary-abi" && owner.is_none_or(|owner| owner == package.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Folder, name, dependencies, dependencies of tests.
    type Crate = (
        &'static str,
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    );

    fn wrong(crates: &[Crate]) -> Vec<String> {
        let one = |name: &str, kind: Value| json!({ "name": name, "kind": kind });
        let packages: Vec<Value> = crates
            .iter()
            .map(|(folder, name, normal, tests)| {
                let normal = normal.iter().map(|d| one(d, Value::Null));
                let tests = tests.iter().map(|d| one(d, json!("dev")));
                json!({
                    "name": name,
                    "manifest_path": format!("/w/{folder}/Cargo.toml"),
                    "dependencies": normal.chain(tests).collect::<Vec<_>>(),
                })
            })
            .collect();
        violations(&super::packages(
            &json!({ "workspace_root": "/w", "packages": packages }),
        ))
    }

    const SOUND: [Crate; 9] = [
        ("framework/abi", "lapidary-abi", &[], &["tempfile"]),
        (
            "framework/sdk",
            "lapidary-sdk",
            &["lapidary-abi", "tch"],
            &[],
        ),
        (
            "framework/core",
            "lapidary-core",
            &["lapidary-sdk", "lapidary-abi", "libloading"],
            &[],
        ),
        (
            "framework/script",
            "lapidary-script",
            &["lapidary-core", "mlua"],
            &["lapidary-testkit"],
        ),
        (
            "framework/testkit",
            "lapidary-testkit",
            &["lapidary-core"],
            &[],
        ),
        (
            "framework/cli",
            "lapidary-cli",
            &["lapidary-script", "lapidary-testkit"],
            &[],
        ),
        ("framework/xtask", "xtask", &["zip"], &[]),
        (
            "plugins/sasrec",
            "lapidary-sasrec",
            &["lapidary-sdk", "tch"],
            &["lapidary-testkit"],
        ),
        (
            ".",
            "lapidary",
            &["lapidary-script"],
            &["lapidary-sasrec", "lapidary-core"],
        ),
    ];

    #[test]
    fn a_sound_workspace_passes() {
        assert_eq!(wrong(&SOUND), Vec::<String>::new());
    }

    #[test]
    fn each_wrong_direction_is_named() {
        let cases: [(Crate, &str); 9] = [
            (
                ("plugins/a", "a", &["lapidary-core"], &[]),
                "a may not depend on lapidary-core",
            ),
            (
                ("plugins/a", "a", &["lapidary-abi"], &[]),
                "a may not depend on lapidary-abi",
            ),
            (
                ("plugins/a", "a", &["lapidary-sasrec"], &[]),
                "a may not depend on lapidary-sasrec",
            ),
            (
                ("plugins/a", "a", &[], &["lapidary-core"]),
                "a may not depend on lapidary-core in its tests",
            ),
            (
                ("plugins/a", "a", &["mlua"], &[]),
                "a may not depend on mlua",
            ),
            (
                ("plugins/a", "a", &["lapidary-testkit"], &[]),
                "a may not depend on lapidary-testkit",
            ),
            (
                ("framework/cli", "lapidary-cli", &["libloading"], &[]),
                "lapidary-cli may not depend on libloading",
            ),
            (
                ("framework/cli", "lapidary-cli", &["xtask"], &[]),
                "lapidary-cli may not depend on xtask",
            ),
            (
                ("framework/new", "new", &[], &[]),
                "new has no place among the layers",
            ),
        ];
        for (wrong_one, message) in cases {
            let mut crates = SOUND.to_vec();
            crates.push(wrong_one);
            assert_eq!(wrong(&crates), [message]);
        }
    }

    #[test]
    fn lower_layers_do_not_reach_up() {
        assert_eq!(
            wrong(&[
                ("framework/abi", "lapidary-abi", &["serde"], &[]),
                ("framework/sdk", "lapidary-sdk", &["lapidary-core"], &[]),
                ("framework/core", "lapidary-core", &[], &[]),
            ]),
            [
                "lapidary-abi may not depend on serde",
                "lapidary-sdk may not depend on lapidary-core"
            ]
        );
    }
}
