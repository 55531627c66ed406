//! `lapidary runs rm`

use std::path::{Path, PathBuf};

use lapidary_core::run::{self, Record, State};
use serde::Serialize;

use super::summary;
use crate::args::Remove;
use crate::failure::Failure;
use crate::{finding, output};

/// `lapidary runs rm --json`
#[derive(Serialize)]
struct Report {
    format: u32,
    removed: Vec<Removed>,
    bytes: u64,
}

#[derive(Serialize)]
struct Removed {
    name: String,
    folder: PathBuf,
    bytes: u64,
}

/// Removes runs, those of a sweep with the sweep, or none where one of them cannot be removed.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Remove) -> Result<(), Failure> {
    let home = &command.among.runs;
    let mut folders: Vec<PathBuf> = Vec::new();
    for named in &command.of {
        let folder = removable(&finding::find(named, home)?, home)?;
        let swept = swept(&folder, home)?;
        for folder in std::iter::once(folder).chain(swept) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    let mut removed = Vec::new();
    for folder in folders {
        let bytes = run::remove(&folder)?;
        let name = folder.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        removed.push(Removed {
            name,
            folder,
            bytes,
        });
    }
    let bytes = removed.iter().map(|removed| removed.bytes).sum();
    if command.json {
        return output::print_json(&Report {
            format: output::FORMAT,
            removed,
            bytes,
        });
    }
    let lines = removed.iter().map(|r| format!("removed {}\n", r.name));
    let freed = format!(
        "{} freed; `lapidary runs gc` frees what they alone computed\n",
        summary::size(bytes)
    );
    output::print(&format!("{}{freed}", lines.collect::<String>()))
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
