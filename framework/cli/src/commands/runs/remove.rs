//! `lapidary runs rm`

use std::path::{Path, PathBuf};
use std::time::Duration;

use lapidary_core::files;
use lapidary_core::run::{self, Record, State};
use serde::Serialize;

use super::summary;
use crate::args::Remove;
use crate::failure::Failure;
use crate::{finding, output};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// `lapidary runs rm --json`
#[derive(Serialize)]
struct Report {
    format: u32,
    dry_run: bool,
    removed: Vec<Removed>,
    bytes: u64,
}

#[derive(Serialize)]
struct Removed {
    name: String,
    folder: PathBuf,
    bytes: u64,
}

/// Removes runs, or none where one of them cannot be removed.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Remove) -> Result<(), Failure> {
    let home = &command.among.runs;
    let folders = match command.of.is_empty() {
        true => chosen(command)?,
        false => named(&command.of, home)?,
    };
    let mut removed = Vec::new();
    for folder in folders {
        let bytes = match command.dry_run {
            true => files::bytes_below(&folder),
            false => run::remove(&folder)?,
        };
        let name = folder.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        removed.push(Removed {
            name,
            folder,
            bytes,
        });
    }
    let report = Report {
        format: output::FORMAT,
        dry_run: command.dry_run,
        bytes: removed.iter().map(|removed| removed.bytes).sum(),
        removed,
    };
    match command.json {
        true => output::print_json(&report),
        false => output::print(&text(&report, home)),
    }
}

fn text(report: &Report, home: &Path) -> String {
    if report.removed.is_empty() {
        return format!("no such runs in {}; nothing to remove\n", home.display());
    }
    let (what, bytes) = (report.removed.iter(), summary::size(report.bytes));
    let (did, freed) = match report.dry_run {
        true => ("would remove", format!("would free {bytes}\n")),
        false => (
            "removed",
            format!("{bytes} freed; `lapidary runs gc` frees what they alone computed\n"),
        ),
    };
    let lines = what.map(|run| format!("{did} {}\n", run.name));
    lines.chain([freed]).collect()
}

/// The runs to which all options apply; those that go on stay.
fn chosen(command: &Remove) -> Result<Vec<PathBuf>, Failure> {
    let home = &command.among.runs;
    let is_old = |run: &Record, days: u32| run.age().is_some_and(|age| age > DAY * days);
    let applies = |run: &Record| {
        run.state() != State::Running
            && !run.folder().is_symlink()
            && (!command.dry || run.is_dry())
            && (!command.failed || run.state() != State::Done)
            && command.older_than.is_none_or(|days| is_old(run, days))
    };
    let all = super::all(home)?.into_iter();
    let runs = all.filter_map(|(_, run)| run.ok());
    let runs = runs.filter(applies);
    runs.map(|run| removable(run.folder(), home)).collect()
}

/// The runs that are named, those of a sweep with the sweep.
fn named(named: &[PathBuf], home: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for named in named {
        let folder = removable(&finding::find(named, home)?, home)?;
        let swept = swept(&folder, home)?;
        for folder in std::iter::once(folder).chain(swept) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    Ok(folders)
}

/// The runs that a sweep started, where they may be removed.
fn swept(sweep: &Path, home: &Path) -> Result<Vec<PathBuf>, Failure> {
    let name = sweep.file_name().unwrap_or_default().to_string_lossy();
    let all = Record::all(home)?.into_iter();
    let readable = all.filter_map(|(_, run)| run.ok());
    let swept = readable.filter(|run| run.get("sweep").as_str() == Some(&*name));
    swept.map(|run| removable(run.folder(), home)).collect()
}

/// The real folder of a run that may be removed: it lies in the folder of runs, is a run, and does not go on.
fn removable(folder: &Path, home: &Path) -> Result<PathBuf, Failure> {
    let refuse = |reason: &str| {
        let text = format!("{}: {reason}; nothing was removed", folder.display());
        Err(Failure::usage(text))
    };
    if folder.is_symlink() {
        return refuse("a link, not the folder of a run");
    }
    let (Ok(real), Ok(inside)) = (folder.canonicalize(), home.canonicalize()) else {
        return refuse("no such folder");
    };
    if real.parent() != Some(inside.as_path()) {
        return refuse(&format!(
            "not in the folder of runs, {}; name that with --runs",
            home.display()
        ));
    }
    match Record::open(&real) {
        Ok(run) if run.state() == State::Running => {
            refuse("this run still goes on; interrupt it first")
        }
        Err(lapidary_core::Error::Damaged { .. }) if real.join("script.lua").is_file() => Ok(real),
        Err(error) => refuse(&format!(
            "not known as a run, so remove it by hand ({error})"
        )),
        Ok(_) => Ok(real),
    }
}
