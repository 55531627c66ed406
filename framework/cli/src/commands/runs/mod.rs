//! `lapidary runs`

mod collect;
mod compare;
mod list;
mod remove;
mod show;
mod summary;

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
