//! Set-up and checks for contributors: `cargo xtask setup`, `cargo xtask quickstart`, `cargo xtask test`.
//!
//! This crate knows nothing of the others, so that it builds in seconds and before libtorch is there.

mod checks;
mod directions;
mod extract;
mod failure;
mod libtorch;
mod links;
mod model;
mod pins;
mod quickstart;
mod setup;
mod tools;
mod wheels;
mod workspace;

use failure::{Failure, Result};
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
Usage:
  cargo xtask setup [--cuda]      put libtorch and the default language model into .deps
                                  (--cuda: with the libraries for NVIDIA GPUs)
  cargo xtask quickstart [ARG…]   set up, build in release, run scripts/quickstart.lua with ARG…
  cargo xtask test [STEP…]        set up, then run the checks, or only the named ones:";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let workspace = Workspace::find()?;
    match arguments
        .split_first()
        .map(|(task, rest)| (task.as_str(), rest))
    {
        Some(("setup", [])) => setup::run(&workspace, false),
        Some(("setup", [flag])) if flag == "--cuda" => setup::run(&workspace, true),
        Some(("setup", rest)) => Err(Failure::refused(format!(
            "setup takes only `--cuda`, found `{}`",
            rest.join(" ")
        ))),
        Some(("quickstart", rest)) => quickstart::run(&workspace, rest),
        Some(("test", steps)) => checks::run(&workspace, steps),
        Some(("help" | "--help" | "-h", _)) => {
            println!("{}", usage());
            Ok(())
        }
        Some((other, _)) => Err(Failure::refused(format!(
            "unknown task `{other}`\n{}",
            usage()
        ))),
        None => Err(Failure::refused(format!("which task?\n{}", usage()))),
    }
}

fn usage() -> String {
    format!("{USAGE}\n{}", checks::list())
}
