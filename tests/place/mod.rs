//! A folder of its own for runs of the program, with real plugins, the real model and a small data set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use lapidary_testkit::library::plugin_library;

const PLUGINS: [&str; 13] = [
    "sasrec",
    "gru4rec",
    "bert4rec",
    "esasrec",
    "reducers",
    "ppmi_svd",
    "bpr_mf",
    "item2vec",
    "lightgcn",
    "prompts",
    "llm_local",
    "llm_openai",
    "llm_replay",
];
pub const SMALL: [&str; 2] = ["data=tests/fixtures/tiny.toml", "epochs=2"];

pub struct Place {
    pub folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).unwrap();
        for plugin in PLUGINS {
            let library = plugin_library(plugin);
            std::os::unix::fs::symlink(&library, plugins.join(library.file_name().unwrap()))
                .unwrap();
        }
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, script: &str, more: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lapidary"))
            .current_dir(workspace())
            .args(["run", script, "--plugin-dir"])
            .arg(self.path("plugins"))
            .arg("--store")
            .arg(self.path("store"))
            .arg("--runs")
            .arg(self.path("runs"))
            .args(more)
            .output()
            .unwrap()
    }

    pub fn print(&self, script: &str, set: &[&str]) -> String {
        let set: Vec<&str> = set.iter().flat_map(|&pair| ["--set", pair]).collect();
        text(&self.run(script, &set))
    }

    /// Runs a script's text; the error's text, or nothing.
    pub fn outcome(&self, script: &str) -> Option<String> {
        let path = self.path("parts.lua");
        std::fs::write(&path, script).unwrap();
        let output = self.run(path.to_str().unwrap(), &[]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some(errors)
    }

    /// Holds that each script after `parts` ends with an error that says what is expected.
    pub fn refuses(&self, parts: &str, cases: &[(&str, &str)]) {
        for (script, expected) in cases {
            let errors = self.outcome(&format!("{parts}{script}"));
            let errors = errors.unwrap_or_else(|| panic!("{script} passed"));
            assert!(errors.contains(expected), "{script}: {errors}");
        }
    }

    pub fn latest_run(&self) -> PathBuf {
        let mut runs: Vec<_> = std::fs::read_dir(self.path("runs"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        runs.sort();
        runs.pop().unwrap()
    }
}

pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
