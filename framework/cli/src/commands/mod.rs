//! One file a command.

mod annotations;
mod check_plugin;
mod data;
mod describe;
mod doctor;
mod explain;
mod export;
mod new;
mod plugins;
mod recommend;
mod repl;
mod report;
mod run;
mod runs;
mod watch;

use crate::args::{Arguments, Command, Log};
use crate::failure::Failure;
use crate::{display, log_lines, logs};

/// Does what the command line asks for.
///
/// # Errors
/// What the user must be told, with the exit code.
pub fn execute(arguments: Arguments) -> Result<(), Failure> {
    if arguments.log == Log::Json {
        log_lines::switch_on();
    }
    logs::install()?;
    display::install(arguments.quiet);
    match arguments.command {
        Command::Run(command) if command.watch => watch::execute(&command),
        Command::Run(command) => run::execute(command),
        Command::Repl(command) => repl::execute(command),
        Command::Runs(command) => runs::execute(command),
        Command::Recommend(command) => recommend::execute(&command),
        Command::Explain(command) => explain::execute(&command),
        Command::Report(command) => report::execute(&command),
        Command::Export(command) => export::execute(&command),
        Command::Plugins(command) => plugins::execute(&command),
        Command::Describe(command) => describe::execute(&command),
        Command::New(command) => new::execute(&command),
        Command::CheckPlugin(command) => check_plugin::execute(&command),
        Command::Annotations(command) => annotations::execute(&command),
        Command::Data(command) => data::execute(&command),
        Command::Doctor(command) => doctor::execute(&command),
    }
}
