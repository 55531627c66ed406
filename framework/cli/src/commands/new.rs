//! `lapidary new plugin`

mod project;
mod sdk;

use std::path::Path;

use lapidary_core::{Error, files};
use lapidary_sdk::Kind;

use crate::args::{Language, New, NewPlugin, Search};
use crate::failure::Failure;
use crate::{components, output};

/// Words that a crate cannot be named by, and names that would hide one of Rust's own.
const RESERVED: [&str; 63] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "lapidary_sdk",
    "lapidary_testkit",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "schemars",
    "self",
    "serde",
    "serde_json",
    "static",
    "std",
    "struct",
    "super",
    "tch",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Makes what is asked for.
///
/// # Errors
/// What the user must be told; nothing is left then.
pub fn execute(command: &New) -> Result<(), Failure> {
    let New::Plugin(command) = command;
    check_name(&command.name)?;
    if matches!(command.lang, Language::Rust) {
        check_crate(&command.name)?;
    }
    check_offered(command.kind, command.lang)?;
    check_free(command)?;
    let folder = command.into.join(&command.name);
    if !command.into.is_dir() {
        let message = format!("--into {}: no such folder", command.into.display());
        return Err(Failure::usage(message));
    }
    if std::fs::symlink_metadata(&folder).is_ok() {
        let message = format!("{}: there is something of that name", folder.display());
        return Err(
            Failure::usage(message).hint("take another name, or another folder with --into")
        );
    }
    let project = project::of(command)?;
    files::publish(&folder, |new| write(new, &project.files))?;
    output::print(&format!(
        "{} is made. Next:\n  cd {}\n{}",
        folder.display(),
        folder.display(),
        project.next
    ))
}

fn write(folder: &Path, files: &[(String, String)]) -> lapidary_core::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(Error::io(above))?;
        }
        std::fs::write(&path, text).map_err(Error::io(&path))?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(allowed) {
        let near: String = name
            .to_lowercase()
            .chars()
            .map(|c| if allowed(c) { c } else { '_' })
            .skip_while(|c| !c.is_ascii_lowercase())
            .collect();
        let message = format!(
            "`{name}` is no component's name: lowercase letters, digits and `_`, a letter first"
        );
        let failure = Failure::usage(message);
        return Err(match near.is_empty() {
            true => failure,
            false => failure.hint(format!("did you mean `{near}`?")),
        });
    }
    Ok(())
}

/// The crate of a project in Rust has the component's name.
fn check_crate(name: &str) -> Result<(), Failure> {
    match RESERVED.contains(&name) {
        true => Err(Failure::usage(format!(
            "`{name}` is a word of Rust or the name of a library that the project uses: take another"
        ))),
        false => Ok(()),
    }
}

/// Two kinds need what Lua does not have.
fn check_offered(kind: Kind, language: Language) -> Result<(), Failure> {
    let reason = match (language, kind) {
        (Language::Lua, Kind::BaseEmbedder) => "it walks through all interactions, one by one",
        (Language::Lua, Kind::Llm) => "it opens files or asks servers, which Lua cannot do here",
        _ => return Ok(()),
    };
    let message = format!("no {kind} can be written in Lua: {reason}");
    Err(Failure::usage(message)
        .hint("take --lang rust or --lang cpp; Lua has backbone, prompt_strategy and reducer"))
}

/// A second component of one kind and name would be refused when it is loaded.
fn check_free(command: &NewPlugin) -> Result<(), Failure> {
    let found = components::load_here(&Search::default())?;
    let Ok(entry) = found.registry.entry(command.kind, &command.name) else {
        return Ok(());
    };
    let message = format!(
        "there is a {} `{}` already, in {}",
        command.kind, command.name, entry.origin
    );
    Err(Failure::usage(message).hint("take another name: a second one of that name is refused"))
}
