//! `cargo xtask quickstart`: from a bare clone to the first table.

use crate::failure::{Failure, Result};
use crate::setup;
use crate::workspace::{Workspace, run as run_command};

const SCRIPT: &str = "scripts/quickstart.lua";

/// Sets up (with `cuda`: for GPUs too), builds program and plugins in release, runs the script with the user's further `arguments`.
///
/// # Errors
/// One of the three fails; the program's own exit code is kept.
pub fn run(workspace: &Workspace, arguments: &[String], cuda: bool) -> Result<()> {
    setup::run(workspace, cuda)?;
    let scratch = workspace.scratch()?;
    let cargo = |words: &[&str]| {
        let mut command = workspace.cargo(words);
        command.env("TMPDIR", scratch.path());
        command
    };
    let build = ["build", "--release"];
    println!(
        "building: cargo {} (about 4 minutes on 2 cores the first time)",
        build.join(" ")
    );
    run_command(&mut cargo(&build))
        .map_err(|_| Failure::failed("the build failed; to see it alone: cargo build --release"))?;
    println!("running: lapidary run {SCRIPT} {}", arguments.join(" "));
    let program = ["run", "--release", "--quiet", "--", "run", SCRIPT];
    run_command(cargo(&program).args(arguments)).map_err(|code| {
        Failure::failed(format!(
            "the script failed; to run it again: target/release/lapidary run {SCRIPT} {}",
            arguments.join(" ")
        ))
        .with_code(code)
    })
}
