//! The `lapidary` program: arguments, output, exit codes.
//!
//! Exit codes: 0 done, 1 the run failed, 2 wrong use. What `--json` prints is described in `JSON.md`.

mod args;
mod asking;
mod commands;
mod components;
mod display;
mod doctor;
mod drawing;
mod failure;
mod finding;
mod log_lines;
mod logs;
mod output;
mod places;
mod reasons;
mod report;
mod settings;
mod signals;
mod words;

use clap::Parser;

use args::Arguments;
use failure::Failure;

/// Runs the program with the process's arguments and returns its exit code.
pub fn main() -> i32 {
    failure::install_panic_hook();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Also `--help` and `--version`. A closed pipe is the reader's choice.
            let _ = error.print();
            return error.exit_code();
        }
    };
    let result = std::panic::catch_unwind(|| commands::execute(arguments));
    match result.unwrap_or_else(|_| Err(Failure::told())) {
        Ok(()) => 0,
        Err(failure) => failure.report(),
    }
}
