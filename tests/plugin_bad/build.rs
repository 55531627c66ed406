//! Compiles plugins with one fault each.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use lapidary_core::plugin::running_torch;

/// A folder for the plugins of one test.
pub struct Workshop {
    folder: tempfile::TempDir,
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/plugin_bad")
        .join(name)
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}: the tests need a C and a C++ compiler"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{text}");
}

impl Workshop {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// A file with these bytes.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The C plugin with these macros defined.
    pub fn plugin(&self, name: &str, macros: &[&str]) -> PathBuf {
        let path = self.folder().join(name);
        run(self
            .cc(macros)
            .args(["-shared", "-o"])
            .arg(&path)
            .arg(source("plugin.c")));
        path
    }

    /// The C plugin linked with code that throws a C++ exception when it is called.
    pub fn throwing(&self, name: &str) -> PathBuf {
        let (object, path) = (self.folder().join("plugin.o"), self.folder().join(name));
        let mut cc = self.cc(&["BEFORE_INVOKE=throw_an_exception()"]);
        run(cc
            .args(["-fexceptions", "-c", "-o"])
            .arg(&object)
            .arg(source("plugin.c")));
        let mut cxx = Command::new("c++");
        run(cxx
            .args(["-shared", "-fPIC", "-o"])
            .arg(&path)
            .arg(object)
            .arg(source("throws.cpp")));
        path
    }

    fn cc(&self, macros: &[&str]) -> Command {
        let mut cc = Command::new("cc");
        let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("framework/abi/include");
        cc.args(["-std=c11", "-Wall", "-Wno-unused", "-Werror", "-fPIC", "-I"])
            .arg(header);
        cc.args(macros.iter().map(|m| format!("-D{m}")));
        cc
    }
}

/// A macro whose value is a C string.
pub fn text(name: &str, value: &str) -> String {
    format!(
        "{name}=\"{}\"",
        value.replace('\\', "\\\\").replace('"', "\\\"")
    )
}

/// Messages without what differs from machine to machine.
pub fn redact(message: &str, workshop: &Workshop) -> String {
    message
        .replace(&workshop.folder().display().to_string(), "[folder]")
        .replace(&running_torch().to_string(), "[torch]")
        .replace(std::env::consts::ARCH, "[machine]")
}
