//! One file a command.

mod data;
mod describe;
mod doctor;
mod explain;
mod plugins;
mod recommend;
mod run;

use crate::args::{Arguments, Command};
use crate::failure::Failure;
use crate::{display, logs};

/// Does what the command line asks for.
///
/// # Errors
/// What the user must be told, with the exit code.
pub fn execute(arguments: Arguments) -> Result<(), Failure> {
    logs::install()?;
    display::install(arguments.quiet);
    match arguments.command {
        Command::Run(command) => run::execute(command),
        Command::Recommend(command) => recommend::execute(&command),
        Command::Explain(command) => explain::execute(&command),
        Command::Plugins(command) => plugins::execute(&command),
        Command::Describe(command) => describe::execute(&command),
        Command::Data(command) => data::execute(&command),
        Command::Doctor(command) => doctor::execute(&command),
    }
}
