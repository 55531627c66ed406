//! Every code block of the book, and of what it includes, runs: Lua as a script, shell with the built program, Python where its
//! libraries are. Blocks of a page run one after the other in a folder of their own, in which `scripts`, `configs` and `tests` lie;
//! `file=NAME` behind the language writes a block into a file instead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "book/generated.rs"]
mod generated;
mod place;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapidary_testkit::programs;
use place::{Place, workspace};

fn book() -> PathBuf {
    workspace().join("framework/docs/book/src")
}

/// A page with the files that it includes.
fn page_text(page: &str) -> String {
    let path = book().join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| {
        let included = line.strip_prefix("{{#include ");
        match included.and_then(|line| line.strip_suffix("}}")) {
            Some(file) => std::fs::read_to_string(path.with_file_name(file)).unwrap(),
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

/// A fenced block of a page.
struct Block {
    line: usize,
    language: String,
    file: Option<String>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(""), true) => open = false,
            (Some(info), false) => {
                let mut parts = info.split(',');
                found.push(Block {
                    line: number + 1,
                    language: parts.next().unwrap().to_owned(),
                    file: parts.find_map(|p| p.strip_prefix("file=").map(str::to_owned)),
                    text: String::new(),
                });
                open = true;
            }
            (_, true) => found.last_mut().unwrap().text += &format!("{line}\n"),
            _ => {}
        }
    }
    assert!(!open, "a block does not end");
    found
}

/// Where a page runs.
struct Reader {
    place: Place,
    folder: PathBuf,
}

impl Reader {
    fn new() -> Self {
        let place = Place::new();
        let folder = place.path("reader");
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        for name in ["scripts", "configs", "tests"] {
            symlink(workspace().join(name), folder.join(name)).unwrap();
        }
        let program = folder.join("bin/lapidary");
        symlink(env!("CARGO_BIN_EXE_lapidary"), program).unwrap();
        Self { place, folder }
    }

    fn command(&self, program: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .env(
                "PATH",
                format!("{}:{path}", self.folder.join("bin").display()),
            )
            .env("LAPIDARY_PLUGIN_PATH", self.place.path("plugins"));
        command
    }

    /// Runs a block, or keeps Python for the end, where it runs in one session.
    fn run(&self, page: &str, block: &Block, python: &mut String) {
        let at = format!("{page}:{}", block.line);
        if let Some(file) = &block.file {
            let path = self.folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, &block.text).unwrap();
            return;
        }
        match &*block.language {
            "sh" => {
                let script = format!("set -euo pipefail\n{}", block.text);
                expect(self.command("bash").args(["-c", &script]), &at);
            }
            "lua" => {
                std::fs::write(self.folder.join("block.lua"), &block.text).unwrap();
                expect(self.command("lapidary").args(["run", "block.lua"]), &at);
            }
            "python" => *python += &format!("{}\n", block.text),
            "json" => drop(serde_json::from_str::<serde_json::Value>(&block.text).expect(&at)),
            "text" => {}
            other => panic!("{at}: how is a block of `{other}` run?"),
        }
    }

    fn python(&self, page: &str, text: &str) {
        let modules = [
            "IPython",
            "pandas",
            "polars",
            "pyarrow",
            "safetensors",
            "torch",
        ];
        let Some(python) = programs::python(&modules) else {
            return;
        };
        let path = self.folder.join("page.ipy");
        std::fs::write(&path, text).unwrap();
        expect(
            self.command(&python).args(["-m", "IPython", "page.ipy"]),
            page,
        );
    }
}

fn expect(command: &mut Command, at: &str) {
    let output = command.output().unwrap();
    let (out, errors) = (output.stdout, output.stderr);
    assert!(
        output.status.success(),
        "{at}:\n{}{}",
        String::from_utf8_lossy(&out),
        String::from_utf8_lossy(&errors)
    );
}

fn run_page(page: &str) {
    let text = page_text(page);
    let (reader, mut python) = (Reader::new(), String::new());
    let blocks = blocks(&text);
    assert!(
        !blocks.is_empty(),
        "{page} has no blocks: take it out of the test"
    );
    for block in &blocks {
        reader.run(page, block, &mut python);
    }
    if !python.is_empty() {
        reader.python(page, &python);
    }
}

macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const RUN: &[&str] = &[$($page),*];
        $(#[test]
        fn $test() {
            run_page($page);
        })*
    };
}

pages! {
    a_first_run: "tutorial/first-run.md",
    own_data: "tutorial/own-data.md",
    own_reducer: "tutorial/own-reducer.md",
    a_plugin: "how-to/plugin.md",
    asking_in_another_way: "how-to/prompt.md",
    a_server: "how-to/server.md",
    tuning: "how-to/tuning.md",
    runs: "how-to/runs.md",
    cold_start: "how-to/cold-start.md",
    serving: "how-to/serving.md",
    a_notebook: "how-to/notebook.md",
    an_editor: "how-to/editor.md",
    the_lua_api: "reference/lua.md",
    reasons: "explanations/reasons.md",
    data_flow: "explanations/data-flow.md",
}

fn pages_below(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => pages_below(&path, pages),
            false => pages.push(path.strip_prefix(book()).unwrap().to_path_buf()),
        }
    }
}

#[test]
fn every_page_is_in_the_summary_and_every_page_with_blocks_is_run() {
    let mut pages = Vec::new();
    pages_below(&book(), &mut pages);
    let summary = std::fs::read_to_string(book().join("SUMMARY.md")).unwrap();
    assert!(pages.len() > 15, "{pages:?}");
    for page in pages.iter().map(|page| page.to_str().unwrap()) {
        assert!(
            page == "SUMMARY.md" || summary.contains(&format!("]({page})")),
            "{page}"
        );
        let blocks = blocks(&page_text(page));
        assert!(
            RUN.contains(&page) || blocks.iter().all(|block| block.language == "text"),
            "add {page} to the pages that are run"
        );
    }
}

#[test]
fn every_decision_is_included() {
    let page = std::fs::read_to_string(book().join("explanations/decisions.md")).unwrap();
    let folder = workspace().join("framework/docs/decisions");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let include = format!("{{{{#include ../../../decisions/{name}}}}}");
        assert!(
            page.contains(&include),
            "add {include} to explanations/decisions.md"
        );
    }
}
