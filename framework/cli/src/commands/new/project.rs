//! The files of a project, from the templates that the program holds.

use lapidary_core::plugin::running_torch_path;
use lapidary_sdk::Kind;

use super::sdk;
use crate::args::{Language, NewPlugin};
use crate::failure::Failure;

/// What is written, and what the user does next.
pub(super) struct Project {
    /// Path in the project, and text.
    pub files: Vec<(String, String)>,
    /// Commands, a line each, indented.
    pub next: String,
}

/// A file below `templates/`, by kind.
macro_rules! by_kind {
    ($kind:expr, $folder:literal, $ending:literal, [$($case:ident: $name:literal),+]) => {
        match $kind {
            $(Kind::$case => Some(include_str!(concat!("../../../templates/", $folder, "/", $name, ".", $ending))),)+
            #[allow(unreachable_patterns)]
            _ => None,
        }
    };
    ($kind:expr, $folder:literal, $ending:literal) => {
        by_kind!($kind, $folder, $ending, [
            Backbone: "backbone", BaseEmbedder: "base_embedder", Llm: "llm", PromptStrategy: "prompt_strategy", Reducer: "reducer"
        ])
    };
}

/// What is put into the gaps of the templates.
struct Gaps<'a> {
    pairs: Vec<(&'a str, String)>,
}

impl Gaps<'_> {
    fn fill(&self, template: &str) -> String {
        let filled = |text: String, (gap, value): &(&str, String)| {
            text.replace(&format!("{{{{{gap}}}}}"), value)
        };
        self.pairs.iter().fold(template.to_owned(), filled)
    }
}

/// The project that is asked for.
///
/// # Errors
/// When what it is built with is not there.
pub(super) fn of(command: &NewPlugin) -> Result<Project, Failure> {
    let (name, kind) = (command.name.clone(), command.kind.name());
    let (build, run) = match command.lang {
        Language::Lua => ("", "lapidary run try.lua"),
        Language::Cpp => ("make", "lapidary run try.lua --plugin-dir build"),
        Language::Rust => (
            "cargo build",
            "lapidary run try.lua --plugin-dir target/debug",
        ),
    };
    let check = match command.lang {
        Language::Lua => format!("lapidary check-plugin components/{name}.lua"),
        Language::Cpp => "make check".to_owned(),
        Language::Rust => "cargo test".to_owned(),
    };
    let commands = [build, run, &check].into_iter().filter(|c| !c.is_empty());
    let next = commands.map(|c| format!("  {c}\n")).collect();
    let mut gaps = Gaps {
        pairs: vec![
            ("name", name.clone()),
            ("kind", kind.to_owned()),
            ("run", run.to_owned()),
        ],
    };
    let own = match command.lang {
        Language::Lua => lua(command.kind, &name),
        Language::Cpp => cpp(command.kind, &name, &mut gaps),
        Language::Rust => rust(command, &mut gaps)?,
    };
    let mut files = data();
    let script = by_kind!(command.kind, "try", "lua").unwrap_or_default();
    files.push(("try.lua".to_owned(), gaps.fill(script)));
    files.extend(own.into_iter().map(|(name, text)| (name, gaps.fill(&text))));
    Ok(Project { files, next })
}

type Files = Vec<(String, String)>;

fn file(name: impl Into<String>, text: &str) -> (String, String) {
    (name.into(), text.to_owned())
}

/// A data set on which a run takes seconds, and two attributes.
fn data() -> Files {
    vec![
        file(
            "data/films.toml",
            include_str!("../../../templates/data/films.toml"),
        ),
        file(
            "data/attributes.toml",
            include_str!("../../../templates/data/attributes.toml"),
        ),
        file(
            "data/films/interactions.tsv",
            include_str!("../../../../../tests/fixtures/tiny/interactions.tsv"),
        ),
        file(
            "data/films/items.jsonl",
            include_str!("../../../../../tests/fixtures/tiny/items.jsonl"),
        ),
    ]
}

fn lua(kind: Kind, name: &str) -> Files {
    let component = by_kind!(kind, "lua", "lua", [Backbone: "backbone", PromptStrategy: "prompt_strategy", Reducer: "reducer"]);
    vec![
        file(
            format!("components/{name}.lua"),
            component.unwrap_or_default(),
        ),
        file(
            "README.md",
            include_str!("../../../templates/lua/README.md"),
        ),
        file(".gitignore", "/runs\n/.lapidary\n"),
    ]
}

fn cpp(kind: Kind, name: &str, gaps: &mut Gaps<'_>) -> Files {
    let library = running_torch_path().unwrap_or_default();
    let torch = library.parent().and_then(|lib| lib.parent());
    let program = std::env::current_exe().unwrap_or_default();
    let torch = torch.map(|t| t.display().to_string()).unwrap_or_default();
    gaps.pairs.push(("libtorch", torch));
    gaps.pairs.push(("lapidary", program.display().to_string()));
    let source = by_kind!(kind, "cpp", "cpp").unwrap_or_default();
    vec![
        file(format!("src/{name}.cpp"), source),
        file(
            "include/lapidary_plugin.h",
            include_str!("../../../../abi/include/lapidary_plugin.h"),
        ),
        file(
            "include/json.hpp",
            include_str!("../../../templates/cpp/include/json.hpp"),
        ),
        file(
            "include/tensor.hpp",
            include_str!("../../../templates/cpp/include/tensor.hpp"),
        ),
        file(
            "include/plugin.hpp",
            include_str!("../../../templates/cpp/include/plugin.hpp"),
        ),
        file("Makefile", include_str!("../../../templates/cpp/Makefile")),
        file(
            "README.md",
            include_str!("../../../templates/cpp/README.md"),
        ),
        file(".gitignore", "/build\n/runs\n/.lapidary\n"),
    ]
}

fn rust(command: &NewPlugin, gaps: &mut Gaps<'_>) -> Result<Files, Failure> {
    let checkout = sdk::find(command)?;
    let quoted = |name: &str| format!("{:?}", checkout.join(name).display().to_string());
    gaps.pairs.push(("sdk", quoted("framework/sdk")));
    gaps.pairs.push(("testkit", quoted("framework/testkit")));
    gaps.pairs.push(("libtorch", quoted(".deps/libtorch")));
    gaps.pairs
        .push(("linker", quoted(".cargo/link-with-libtorch")));
    let source = by_kind!(command.kind, "rust", "rs").unwrap_or_default();
    Ok(vec![
        file("src/lib.rs", source),
        file(
            "tests/conformance.rs",
            include_str!("../../../templates/rust/conformance.rs.txt"),
        ),
        file(
            "Cargo.toml",
            include_str!("../../../templates/rust/Cargo.toml.txt"),
        ),
        file(
            ".cargo/config.toml",
            include_str!("../../../templates/rust/config.toml.txt"),
        ),
        // The versions of libraries that are known to work, and libtorch's wrapper among them, which must be the same.
        ("Cargo.lock".to_owned(), sdk::file(&checkout, "Cargo.lock")?),
        (
            "rust-toolchain.toml".to_owned(),
            sdk::file(&checkout, "rust-toolchain.toml")?,
        ),
        file(
            "README.md",
            include_str!("../../../templates/rust/README.md"),
        ),
        file(".gitignore", "/target\n/runs\n/.lapidary\n"),
    ])
}
