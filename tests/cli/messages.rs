//! What the program says of mistakes, each made by the real program on real files.

mod attributes;
mod command_line;
mod components;
mod data_sets;
mod scripts;
mod stages;
mod vectors;

use std::fmt::Write;

use super::*;

/// A mistake.
struct Case {
    title: &'static str,
    /// Files beside those of [`films::films`].
    files: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
}

/// A mistake that a dry run of `s.lua` finds.
const DRY_RUN: Case = Case {
    title: "",
    files: &[],
    arguments: &["run", "s.lua", "--dry-run"],
    variables: &[],
};

/// A mistake in the description `my.toml` of a data set.
const IMPORT: Case = Case {
    arguments: &["data", "import", "my.toml"],
    ..DRY_RUN
};

/// A script after the training of a base.
macro_rules! trained {
    ($rest:literal) => {
        concat!(
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
"#,
            $rest
        )
    };
}
use trained;

/// A description of a table of interactions, from its column of times on.
macro_rules! table {
    ($rest:literal) => {
        concat!(
            r#"format = "table"
interactions = "my.csv"
[columns]
user = "user"
item = "item"
rating = "rating"
"#,
            $rest
        )
    };
}
use table;

/// Compares what the program says of each mistake with the snapshot of that name.
fn told(name: &str, cases: &[Case]) {
    let at = films::films();
    let mut text = String::new();
    for case in cases {
        let _ = writeln!(text, "# {}\n{}", case.title, said(&at, case));
    }
    insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(format!("messages_{name}"), text.trim_end());
    });
}

/// What is said of a mistake, below the command line and its exit code.
fn said(at: &TempDir, case: &Case) -> String {
    for (name, text) in case.files {
        let file = at.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let mut command = lapidary(at);
    command
        .args(case.arguments)
        .envs(case.variables.iter().copied());
    if ["run", "data"].contains(&case.arguments[0]) {
        // A stage that takes over two seconds on a busy machine would be told.
        command.arg("--quiet");
    }
    if case.arguments[0] == "run" && !case.arguments.contains(&"--device") {
        command.args(["--device", "cpu"]);
    }
    let output = command.output().unwrap();
    for (name, _) in case.files {
        fs::remove_file(at.path().join(name)).unwrap();
    }
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.replace(&installation().display().to_string(), "PROGRAM");
    let said = without_fingerprints(&said.replace(&at.path().display().to_string(), "HERE"));
    assert_ne!(output.status.code(), Some(0), "{}: {said}", case.title);
    assert!(!said.contains("panicked"), "{}: {said}", case.title);
    let code = output.status.code().unwrap();
    format!(
        "$ lapidary {}\n{said}exit code {code}\n",
        case.arguments.join(" ")
    )
}

/// Names of what was computed differ from version to version.
fn without_fingerprints(text: &str) -> String {
    let is_one = |word: &&str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = text.split(|c: char| !c.is_alphanumeric());
    let mut text = text.to_owned();
    for word in words.filter(is_one).map(str::to_owned).collect::<Vec<_>>() {
        text = text.replace(&word, "0123456789abcdef");
    }
    text
}
