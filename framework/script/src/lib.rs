//! The Lua API of Lapidary: a script reads top to bottom and does what it says.
//!
//! [`run_file`] runs one script in a sandbox of its own, [`Repl`] what a person types, [`components`] what a component's file
//! defines. `API.md` beside this crate lists every function that a script
//! can call; each module in `api` installs one part of it.

mod annotations;
mod api;
pub mod components;
mod convert;
mod dry;
mod error;
mod heap;
mod lex;
mod object;
mod page;
mod repl;
mod sandbox;
mod session;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapidary_core::plugin::Registry;

pub use annotations::{Component, Field, annotations, makers};
pub use error::Error;
pub use repl::{Answer, Describe, Repl};

use session::Session;

/// What a run needs to know besides the script.
pub struct Options {
    /// Where tensors live.
    pub device: tch::Device,
    /// Seed of every stage for which the script names none; 0 where not given.
    pub seed: Option<u64>,
    /// Check everything that can be checked, compute nothing.
    pub dry_run: bool,
    /// Values that replace the script's own `lapidary.setting(key, default)`.
    pub set: Vec<(String, String)>,
    /// Folder of artefacts, imported data sets and the cache of answers.
    pub store: PathBuf,
    /// Folder in which the run's own folder is made.
    pub runs: PathBuf,
    /// The components that scripts may name.
    pub registry: Registry,
    /// Folders in which language models are looked up by name.
    pub model_dirs: Vec<PathBuf>,
    /// The command line, for the record.
    pub command: Vec<String>,
    /// A file to which the path of each file that the script reads is added, a line each, for who watches them.
    pub reads: Option<PathBuf>,
    /// The program and the arguments with which another script is run in the same way, but for its name, `--set`, `--seed`,
    /// `--runs` and `--threads`; empty where none can be.
    pub child: Vec<OsString>,
    /// For a run of a sweep, the file into which it writes where its folder is.
    pub told: Option<PathBuf>,
}

/// Runs a script to its end.
///
/// # Errors
/// What stopped it: see [`Error`]. All finished stages, and the checkpoints of an unfinished one, stay in the store.
pub fn run_file(path: &Path, options: Options) -> Result<(), Error> {
    let text = std::fs::read_to_string(path).map_err(lapidary_core::Error::io(path))?;
    let lua = sandbox::new_state().map_err(|e| Error::from_lua(path, &text, &e))?;
    let session = Rc::new(Session::start(path, &text, options)?);
    let result = execute(&lua, path, &text, &session);
    session.context.folder.finish(&outcome(&result))?;
    result
}

fn execute(lua: &mlua::Lua, path: &Path, text: &str, session: &Rc<Session>) -> Result<(), Error> {
    session.refuse_unmentioned_settings(text)?;
    let run = || {
        api::install(lua, session)?;
        lua.load(text)
            .set_name(format!("={}", error::chunk_name(path)))
            .exec()
    };
    if session.context.dry_run {
        dry::mistakes(lua, path, text, session, run)?;
    } else {
        run().map_err(|e| Error::from_lua(path, text, &e).in_configs(&session.configs.borrow()))?;
    }
    session.refuse_unused_settings()
}

fn outcome(result: &Result<(), Error>) -> lapidary_core::run::Outcome {
    use lapidary_core::run::Outcome;
    match result {
        Ok(()) => Outcome::Done,
        Err(e) if e.is_interrupt() => Outcome::Interrupted,
        Err(e) => Outcome::Failed(e.to_string()),
    }
}
