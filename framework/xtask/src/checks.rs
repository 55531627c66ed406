//! `cargo xtask test`: the checks, cheapest first.

use crate::directions;
use crate::failure::{Failure, Result};
use crate::links;
use crate::setup;
use crate::workspace::{Workspace, run as run_command};
use std::path::Path;
use std::time::Instant;

/// One check.
struct Step {
    name: &'static str,
    about: &'static str,
    check: Check,
}

enum Check {
    /// Compares the declared dependencies with the table of layers.
    Directions,
    /// Looks for what the Markdown files link to.
    Links,
    /// A cargo command, with one variable set where one is named.
    Cargo(
        &'static [&'static str],
        Option<(&'static str, &'static str)>,
    ),
}

const STEPS: [Step; 6] = [
    Step {
        name: "fmt",
        about: "the code is formatted",
        check: Check::Cargo(&["fmt", "--all", "--", "--check"], None),
    },
    Step {
        name: "links",
        about: "what Markdown files link to is there",
        check: Check::Links,
    },
    Step {
        name: "directions",
        about: "crates depend only on what they may",
        check: Check::Directions,
    },
    Step {
        name: "clippy",
        about: "no warnings in any target",
        check: Check::Cargo(
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            None,
        ),
    },
    Step {
        name: "docs",
        about: "the documentation builds and its links lead somewhere",
        check: Check::Cargo(
            &["doc", "--workspace", "--no-deps"],
            Some(("RUSTDOCFLAGS", "-D warnings")),
        ),
    },
    Step {
        name: "tests",
        about: "unit, integration and documentation tests, the scripts among them",
        check: Check::Cargo(&["test", "--workspace"], None),
    },
];

/// The steps with what they check, one a line.
pub fn list() -> String {
    let lines: Vec<String> = STEPS
        .iter()
        .map(|s| format!("      {:<12} {}", s.name, s.about))
        .collect();
    lines.join("\n")
}

/// Runs the steps called `names`, or all of them; set-up, with `cuda` for GPUs too, comes before the first that compiles
/// something.
///
/// # Errors
/// A name is unknown, or a step fails: the rest is not run then.
pub fn run(workspace: &Workspace, names: &[String], cuda: bool) -> Result<()> {
    let steps = choose(names)?;
    let scratch = workspace.scratch()?;
    let begun = Instant::now();
    let mut ready = false;
    for step in &steps {
        if !ready && step.needs_libtorch() {
            timed("setup", "libtorch and the language model are there", || {
                setup::run(workspace, cuda)
            })?;
            ready = true;
        }
        timed(step.name, step.about, || {
            step.run(workspace, scratch.path())
        })?;
    }
    let names: Vec<&str> = steps.iter().map(|s| s.name).collect();
    println!(
        "== all in order after {:.1} s: {}",
        begun.elapsed().as_secs_f64(),
        names.join(", ")
    );
    Ok(())
}

fn choose(names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| STEPS.iter().all(|s| s.name != *name))
    {
        return Err(Failure::refused(format!(
            "unknown step `{unknown}`; the steps are:\n{}",
            list()
        )));
    }
    Ok(STEPS
        .iter()
        .filter(|s| names.is_empty() || names.iter().any(|name| name == s.name))
        .collect())
}

fn timed(name: &str, about: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}: {about}");
    let begun = Instant::now();
    let outcome = work();
    let verdict = if outcome.is_ok() {
        "in order"
    } else {
        "FAILED"
    };
    println!(
        "== {name}: {verdict} after {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    outcome
}

impl Step {
    fn needs_libtorch(&self) -> bool {
        !matches!(self.name, "fmt" | "links" | "directions")
    }

    fn run(&self, workspace: &Workspace, scratch: &Path) -> Result<()> {
        match self.check {
            Check::Directions => directions::check(workspace),
            Check::Links => links::check(workspace),
            Check::Cargo(arguments, variable) => {
                let mut command = workspace.cargo(arguments);
                command.env("TMPDIR", scratch).envs(variable);
                run_command(&mut command).map_err(|_| {
                    let variable = variable
                        .map(|(k, v)| format!("{k}='{v}' "))
                        .unwrap_or_default();
                    Failure::failed(format!(
                        "step {}; to see it alone: {variable}cargo {}",
                        self.name,
                        arguments.join(" ")
                    ))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Vec<&'static str> {
        let asked: Vec<String> = asked.iter().map(|s| (*s).to_owned()).collect();
        choose(&asked).unwrap().iter().map(|s| s.name).collect()
    }

    #[test]
    fn without_names_every_step_runs() {
        assert_eq!(names(&[]).len(), STEPS.len());
    }

    #[test]
    fn named_steps_keep_the_cheapest_first() {
        assert_eq!(names(&["tests", "fmt"]), ["fmt", "tests"]);
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_known_ones() {
        let message = choose(&["clipy".to_owned()]).err().unwrap().to_string();
        assert!(
            message.contains("`clipy`") && message.contains("clippy"),
            "{message}"
        );
    }
}
