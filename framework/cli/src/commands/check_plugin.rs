//! `lapidary check-plugin`: the checks run in a process of their own, so that a plugin that ends its process is a fault of
//! the plugin, in the report, and not the end of the report.

mod checks;
mod journal;

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use lapidary_core::progress;
use lapidary_testkit::report::{Check, Outcome, Report};
use serde::Serialize;

use crate::args::CheckPlugin;
use crate::failure::Failure;
use crate::output;
use journal::Noted;

/// Variable by which the process that checks is told where to note what it found.
const JOURNAL: &str = "LAPIDARY_CHECKS";
/// How often is looked how far the checks are.
const PAUSE: Duration = Duration::from_millis(50);

/// `lapidary check-plugin --json`
#[derive(Serialize)]
struct Answer<'a> {
    format: u32,
    passed: bool,
    reports: &'a [Report],
}

/// Checks a plugin and prints the report.
///
/// # Errors
/// When a check failed, or nothing could be checked.
pub fn execute(command: &CheckPlugin) -> Result<(), Failure> {
    if let Some(journal) = std::env::var_os(JOURNAL) {
        return checks::run(command, journal.as_ref());
    }
    let reports = in_a_process(&command.plugin)?;
    let passed = reports.iter().all(Report::is_sound);
    if command.json {
        output::print_json(&Answer {
            format: output::FORMAT,
            passed,
            reports: &reports,
        })?;
    } else {
        let texts: Vec<String> = reports.iter().map(Report::to_string).collect();
        output::print(&texts.join("\n"))?;
    }
    match passed {
        true => Ok(()),
        false => Err(Failure::failed(
            "the plugin does not keep what its kind promises; see the checks that failed",
        )),
    }
}

/// Runs the same command as a process that keeps a journal, and reads it.
fn in_a_process(plugin: &Path) -> Result<Vec<Report>, Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("the checks cannot be run: {e}"));
    let file = tempfile::NamedTempFile::new().map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let quiet = |argument: &OsString| argument == "--quiet" || argument == "-q";
    // What a plugin prints belongs to no report, and progress is shown here.
    let mut child = Command::new(program)
        .arg("--quiet")
        .args(std::env::args_os().skip(1).filter(|a| !quiet(a)))
        .env(JOURNAL, file.path())
        .stdout(Stdio::from(std::io::stderr()))
        .spawn()
        .map_err(failed)?;
    let (status, mut noted) = until_end(&mut child, plugin, file.path()).map_err(failed)?;
    if let Some((subject, begun)) = noted.begun.take() {
        let check = ended_in(&begun, status);
        journal::add(&mut noted.reports, subject, check);
    } else if !noted.ended {
        return Err(match status.code() {
            // It has told the user why.
            Some(2) => Failure::told().into_usage(),
            Some(_) => Failure::told(),
            None => Failure::failed(format!("the checks {}", how(status))),
        });
    }
    Ok(noted.reports)
}

/// Shows which check goes on, until the process ended: how, and what its journal then holds.
fn until_end(
    child: &mut Child,
    plugin: &Path,
    journal: &Path,
) -> std::io::Result<(ExitStatus, Noted)> {
    let stage = progress::begin(&format!("check {}", plugin.display()), 0);
    loop {
        let ended = child.try_wait()?;
        let noted = journal::read(&String::from_utf8_lossy(&std::fs::read(journal)?));
        stage.update(noted.checks(), &noted.under_way());
        if let Some(status) = ended {
            return Ok((status, noted));
        }
        std::thread::sleep(PAUSE);
    }
}

/// A check during which the process ended.
fn ended_in(begun: &Check, status: ExitStatus) -> Check {
    Check {
        outcome: Outcome::Failed,
        found: format!("the plugin ended the process: it {}", how(status)),
        fix: "catch every exception and panic inside the plugin and return status 2; where none is thrown, look for memory that is \
              freed twice, used after it was freed, or read beyond its end (a debugger shows the place)"
            .to_owned(),
        section: "Status codes".to_owned(),
        ..begun.clone()
    }
}

fn how(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(6), _) => {
            "ended by signal 6 (aborted, as an exception does that nobody catches)".to_owned()
        }
        (Some(11), _) => "ended by signal 11 (touched memory that is not its own)".to_owned(),
        (Some(n), _) => format!("ended by signal {n}"),
        (_, code) => format!("ended with exit code {}", code.unwrap_or_default()),
    }
}
