//! `lapidary data`

use std::path::Path;

use lapidary_core::artefact::Store;
use lapidary_core::data::import::{ImportReport, ImportSpec, import};
use lapidary_core::data::{Dataset, Summary, load};
use lapidary_core::fingerprint::Fingerprint;
use serde::Serialize;

use crate::args::{Data, Import, Info, Keep};
use crate::failure::Failure;
use crate::{output, signals};

/// Does one of the data commands.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Data) -> Result<(), Failure> {
    signals::listen()?;
    match command {
        Data::Import(command) => store(command),
        Data::Info(command) => show(command),
    }
}

fn store(command: &Import) -> Result<(), Failure> {
    let mut spec = read_spec(&command.spec)?;
    spec.skip_bad |= command.skip_bad;
    let (data, report) = match &command.into {
        Some(folder) => {
            let report = import(&spec, folder)?;
            (Dataset::open(folder)?, Some(report))
        }
        None => in_store(&spec, &command.keep)?,
    };
    let report = match report {
        Some(report) => report.to_string(),
        None => format!("{} was imported before and has not changed", data.name()),
    };
    let (folder, fingerprint) = (data.folder().display(), data.fingerprint().short());
    output::print(&format!(
        "{report}\n  stored in {folder}\n  fingerprint {fingerprint}\n"
    ))
}

/// `lapidary data info --json`
#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    folder: &'a Path,
    fingerprint: &'a Fingerprint,
    #[serde(flatten)]
    summary: Summary,
}

fn show(command: &Info) -> Result<(), Failure> {
    let path = &command.path;
    let data = match Dataset::is_stored(path) {
        true => Dataset::open(path)?,
        false => in_store(&read_spec(path)?, &command.keep)?.0,
    };
    let summary = data.summary()?;
    if command.json {
        return output::print_json(&Report {
            format: output::FORMAT,
            folder: data.folder(),
            fingerprint: data.fingerprint(),
            summary,
        });
    }
    let summary = summary.to_string();
    let fingerprint = data.fingerprint().short();
    output::print(&format!(
        "{}\n  fingerprint   {fingerprint}\n",
        summary.trim_end()
    ))
}

/// A description in TOML; or a folder of a source whose format is found from its files.
fn read_spec(path: &Path) -> Result<ImportSpec, Failure> {
    if !path.exists() {
        let message = format!("{}: no such file or folder", path.display());
        return Err(Failure::usage(message).hint(
            "name a description such as configs/datasets/NAME.toml, the folder of a source, or that of a stored data set",
        ));
    }
    match path.is_dir() {
        true => Ok(ImportSpec {
            path: Some(path.to_path_buf()),
            ..ImportSpec::default()
        }),
        false => Ok(ImportSpec::from_toml(path)?),
    }
}

/// Where scripts find it.
fn in_store(spec: &ImportSpec, keep: &Keep) -> Result<(Dataset, Option<ImportReport>), Failure> {
    let store = Store::open(&keep.store)?;
    Ok(load(spec, &store.datasets())?)
}
