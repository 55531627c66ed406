//! `lapidary export`

use std::path::PathBuf;

use lapidary_core::export::{serving, tables};
use lapidary_core::progress;

use crate::args::{Export, Serving, Tables, Which};
use crate::asking::{Opened, open};
use crate::failure::Failure;
use crate::{finding, output, signals};

/// Writes what other programs read, and prints the paths.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Export) -> Result<(), Failure> {
    signals::listen()?;
    let paths = match command {
        Export::Tables(command) => write_tables(command)?,
        Export::Serving(command) => vec![write_serving(command)?],
    };
    let lines = paths.iter().map(|path| format!("{}\n", path.display()));
    output::print(&lines.collect::<String>())
}

fn opened(which: &Which) -> Result<Opened, Failure> {
    let folder = finding::find(&which.run, &which.among.runs)?;
    let stage = progress::begin("opening the model", 0);
    let opened = open(&folder, which.model.as_deref(), &which.search, &which.keep)?;
    drop(stage);
    opened.remark();
    Ok(opened)
}

fn write_tables(command: &Tables) -> Result<Vec<PathBuf>, Failure> {
    let which = &command.which;
    let opened = opened(which)?;
    let (output, format) = (&which.output, command.format);
    Ok(tables(
        &opened.reopened,
        output,
        format,
        command.before,
        command.k,
    )?)
}

fn write_serving(command: &Serving) -> Result<PathBuf, Failure> {
    let which = &command.which;
    let opened = opened(which)?;
    let backbone = (&*opened.model.backbone, opened.model.settings());
    serving(&opened.reopened, backbone, &which.output, command.batch)?;
    Ok(which.output.clone())
}
