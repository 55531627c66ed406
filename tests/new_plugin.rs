//! `lapidary new plugin`: every kind in every language that is offered is generated, built, checked and used in a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "new_plugin/rust.rs"]
mod rust;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use lapidary_testkit::library::plugin_library;
use tempfile::TempDir;

const KINDS: [&str; 5] = [
    "backbone",
    "base_embedder",
    "llm",
    "prompt_strategy",
    "reducer",
];
const IN_LUA: [&str; 3] = ["backbone", "prompt_strategy", "reducer"];

/// The program's own plugins, which the small experiments compare with.
fn own_plugins() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for plugin in ["sasrec", "reducers", "ppmi_svd", "prompts"] {
            let library = plugin_library(plugin);
            let place = folder.path().join(library.file_name().unwrap());
            std::os::unix::fs::symlink(library, place).unwrap();
        }
        folder
    });
    folder.path()
}

fn lapidary(at: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .current_dir(at)
        .env("OMP_NUM_THREADS", "1")
        .env("LAPIDARY_PLUGIN_PATH", own_plugins())
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{errors}");
    text.into_owned()
}

fn named(kind: &str, language: &str) -> String {
    format!("my_{language}_{kind}")
}

/// Generates a project; its folder.
fn generate(at: &Path, kind: &str, language: &str) -> PathBuf {
    let name = named(kind, language);
    let arguments = ["new", "plugin", &name, "--kind", kind, "--lang", language];
    let sdk = ["--sdk", env!("CARGO_MANIFEST_DIR")];
    let said = text(&lapidary(at, &[&arguments[..], &sdk].concat()));
    assert!(said.contains("lapidary run try.lua"), "{said}");
    let folder = at.join(&name);
    for file in ["README.md", "try.lua", "data/films.toml"] {
        let written = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(!written.contains("{{"), "{file} has a gap left:\n{written}");
    }
    folder
}

/// Holds that all checks of a component pass, and that the experiment runs with it.
fn keeps_and_runs(project: &Path, kind: &str, language: &str, file: &Path, model: &[&str]) {
    let file = file.to_str().unwrap();
    // The command that the project's README names.
    let checked = match language {
        "cpp" => text(&make(project, &["check"])),
        _ => text(&lapidary(project, &["check-plugin", file])),
    };
    assert!(checked.contains(&named(kind, language)), "{checked}");
    assert!(checked.contains(" passed, 0 failed, "), "{checked}");
    let folder = Path::new(file).parent().unwrap().to_str().unwrap();
    let mut arguments = vec!["run", "try.lua", "--quiet"];
    if language != "lua" {
        arguments.extend(["--plugin-dir", folder]);
    }
    if kind == "prompt_strategy" {
        arguments.extend(model);
    }
    let shown = text(&lapidary(project, &arguments));
    let expected = match kind {
        "llm" | "prompt_strategy" => "suspense   ".to_owned(),
        _ => named(kind, language),
    };
    assert!(shown.contains(&expected), "{shown}");
}

fn make(project: &Path, more: &[&str]) -> Output {
    Command::new("make")
        .current_dir(project)
        .env("OMP_NUM_THREADS", "1")
        .arg("CXXFLAGS=-O0 -Werror")
        .args(more)
        .output()
        .unwrap()
}

fn cpp_library(kind: &str) -> String {
    format!("build/lib{}.so", named(kind, "cpp"))
}

/// Projects of all kinds in C++, built with these headers, checked and used: the strategy asks the language model. What a
/// run needs to ask it too.
fn cpp_projects(root: &Path, headers: &[&str]) -> [String; 4] {
    let projects = KINDS.map(|kind| (kind, generate(root, kind, "cpp")));
    for (_, project) in &projects {
        text(&make(project, headers));
    }
    let models = root.join(named("llm", "cpp")).join("build");
    let setting = format!("llm={}", named("llm", "cpp"));
    let models = models.to_str().unwrap();
    let model = ["--set", &setting, "--plugin-dir", models];
    for (kind, project) in &projects {
        keeps_and_runs(project, kind, "cpp", Path::new(&cpp_library(kind)), &model);
    }
    model.map(str::to_owned)
}

/// In one test: the strategies ask the language model in C++.
#[test]
fn lua_and_cpp_projects_are_built_checked_and_used() {
    let root = tempfile::tempdir().unwrap();
    let model = cpp_projects(root.path(), &[]);
    let model = model.each_ref().map(String::as_str);
    for kind in IN_LUA {
        let project = generate(root.path(), kind, "lua");
        let file = format!("components/{}.lua", named(kind, "lua"));
        keeps_and_runs(&project, kind, "lua", Path::new(&file), &model);
    }
    let reducer = root.path().join(named("reducer", "cpp"));
    states_the_oldest_libtorch(&reducer.join(cpp_library("reducer")));
    a_rebuilt_plugin_invalidates_what_came_out_of_it(&reducer);
}

/// `LAPIDARY_OTHER_LIBTORCH` names folders with the headers of other versions in `include/`, separated by `:`.
#[test]
fn cpp_projects_built_with_the_headers_of_another_libtorch_work_with_ours() {
    let Some(others) = std::env::var_os("LAPIDARY_OTHER_LIBTORCH") else {
        println!("skipped: LAPIDARY_OTHER_LIBTORCH names no headers of another libtorch");
        return;
    };
    let version = |libtorch: &Path| {
        let file = libtorch.join("include/torch/headeronly/version.h");
        let text = std::fs::read_to_string(&file);
        let text = text.unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let numbers = ["MAJOR", "MINOR"].map(|part| {
            let head = format!("#define TORCH_VERSION_{part} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&head));
            line.unwrap().trim().to_owned()
        });
        numbers.join(".")
    };
    let own = version(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/libtorch"));
    for other in std::env::split_paths(&others) {
        let found = version(&other);
        assert_ne!(found, own, "{} is no other version", other.display());
        let root = tempfile::tempdir().unwrap();
        cpp_projects(root.path(), &[&format!("LIBTORCH={}", other.display())]);
        println!("built with the headers of {found}, loaded and used with {own}");
    }
}

/// The artefacts of the latest run: sort, and whether each was loaded instead of made.
fn artefacts(project: &Path) -> Vec<(String, bool)> {
    let runs = std::fs::read_dir(project.join("runs")).unwrap();
    let latest = runs.map(|run| run.unwrap().path()).max().unwrap();
    let told = std::fs::read_to_string(latest.join("run.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let all = told["artefacts"].as_object().unwrap().iter();
    all.map(|(name, about)| {
        let sort = name.split(' ').next().unwrap().to_owned();
        (sort, about["how"] == "loaded")
    })
    .collect()
}

/// Another sentence makes another library: the base and the ways of other reducers are loaded, its own are made anew.
fn a_rebuilt_plugin_invalidates_what_came_out_of_it(project: &Path) {
    let source = project.join(format!("src/{}.cpp", named("reducer", "cpp")));
    let before = std::fs::read_to_string(&source).unwrap();
    let after = before.replace("The first principal components.", "Other words.");
    assert_ne!(before, after);
    std::fs::write(&source, after).unwrap();
    text(&make(project, &[]));
    let arguments = ["run", "try.lua", "--quiet", "--plugin-dir", "build"];
    text(&lapidary(project, &arguments));
    let all = artefacts(project);
    let made: Vec<&str> = all
        .iter()
        .filter(|(_, loaded)| !loaded)
        .map(|(sort, _)| sort.as_str())
        .collect();
    assert_eq!(made, ["refined", "model", "evaluation"]);
    assert_eq!(all.len(), 7, "{all:?}");
}

/// It says that it runs with libtorch 2.10 and later, and is linked with none.
fn states_the_oldest_libtorch(library: &Path) {
    let needed = Command::new("ldd").arg(library).output().unwrap();
    assert!(!text(&needed).contains("torch"));
    let bytes = std::fs::read(library).unwrap();
    let oldest = ((2_u64 << 56) | (10 << 48)).to_le_bytes();
    assert!(bytes.windows(8).any(|part| part == oldest));
}

/// Holds that a command is refused as wrong use, says so in these words, and leaves nothing.
fn refused(at: &Path, arguments: &[&str], words: &[&str]) {
    let before = std::fs::read_dir(at).unwrap().count();
    let output = lapidary(at, &[&["new", "plugin"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert_eq!(std::fs::read_dir(at).unwrap().count(), before);
}

#[test]
fn what_cannot_be_made_is_refused_with_the_reason() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let lua = ["--kind", "reducer", "--lang", "lua"];
    refused(
        at,
        &["mine"],
        &["--kind <backbone|base_embedder|llm|prompt_strategy|reducer>"],
    );
    let with = |name: &'static str, more: &[&'static str]| [&[name], more].concat();
    refused(at, &with("My-Plugin", &lua), &["did you mean `my_plugin`?"]);
    refused(at, &with("9", &lua), &["no component's name"]);
    refused(
        at,
        &with("match", &["--kind", "reducer", "--lang", "rust"]),
        &["a word of Rust"],
    );
    refused(
        at,
        &with("pca", &lua),
        &["there is a reducer `pca` already"],
    );
    refused(
        at,
        &with("mine", &["--kind", "reduce", "--lang", "lua"]),
        &["unknown kind `reduce`", "did you mean `reducer`?"],
    );
    refused(
        at,
        &with("mine", &["--kind", "reducer", "--lang", "c++"]),
        &["unknown language `c++`", "`cpp`"],
    );
    for kind in ["llm", "base_embedder"] {
        refused(
            at,
            &["mine", "--kind", kind, "--lang", "lua"],
            &[
                "can be written in Lua: it ",
                "take --lang rust or --lang cpp",
            ],
        );
    }
    std::fs::write(at.join("mine"), "a file").unwrap();
    refused(
        at,
        &with("mine", &lua),
        &["there is something of that name"],
    );
}

#[test]
fn places_that_are_not_there_are_told() {
    let root = tempfile::tempdir().unwrap();
    let at = root.path();
    let with = |more: &[&'static str]| [&["mine", "--kind", "reducer"], more].concat();
    refused(
        at,
        &with(&["--sdk", "."]),
        &[
            "--sdk .: no checkout of Lapidary",
            "name one with --sdk DIR",
        ],
    );
    refused(
        at,
        &with(&["--lang", "lua", "--into", "nowhere"]),
        &["--into nowhere: no such folder"],
    );
}
