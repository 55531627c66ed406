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
  cargo xtask setup               put libtorch and the default language model into .deps
  cargo xtask quickstart [ARG…]   set up, build in release, run scripts/quickstart.lua with ARG…
  cargo xtask test [STEP…]        set up, then run the checks, or only the named ones:
%STEPS%
Each with --cuda: set up with the libraries for NVIDIA GPUs.";

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
    let (flags, words): (Vec<_>, Vec<_>) =
        arguments.iter().cloned().partition(|word| word == "--cuda");
    let cuda = !flags.is_empty();
    match words
        .split_first()
        .map(|(task, rest)| (task.as_str(), rest))
    {
        Some(("setup", [])) => setup::run(&workspace, cuda),
        Some(("setup", rest)) => Err(Failure::refused(format!(
            "setup takes only `--cuda`, found `{}`",
            rest.join(" ")
        ))),
        Some(("quickstart", rest)) => quickstart::run(&workspace, rest, cuda),
        Some(("test", steps)) => checks::run(&workspace, steps, cuda),
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
    USAGE.replace("%STEPS%", &checks::list())
}
