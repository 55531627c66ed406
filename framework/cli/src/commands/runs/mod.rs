//! `lapidary runs`

mod collect;
mod compare;
mod list;
mod remove;
mod show;
mod summary;

use std::path::Path;

use lapidary_core::run::{Listed, Record};

use crate::args::{Runs, RunsCommand};
use crate::failure::Failure;

/// Does what was asked of runs.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: Runs) -> Result<(), Failure> {
    match command.what {
        None => list::execute("", &command.of),
        Some(RunsCommand::List(command)) => {
            list::execute(&command.beginning.unwrap_or_default(), &command.of)
        }
        Some(RunsCommand::Show(command)) => show::execute(&command),
        Some(RunsCommand::Compare(command)) => compare::execute(&command),
        Some(RunsCommand::Rm(command)) => remove::execute(&command),
        Some(RunsCommand::Gc(command)) => collect::execute(&command),
    }
}

/// All runs in a folder, oldest first.
fn all(home: &Path) -> Result<Vec<Listed>, Failure> {
    if home.is_dir() {
        return Ok(Record::all(home)?);
    }
    let text = format!("--runs {}: no such folder", home.display());
    Err(Failure::usage(text).hint("nothing ran from here yet; or name the folder of runs"))
}
