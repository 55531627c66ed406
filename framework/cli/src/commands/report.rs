//! `lapidary report`

use std::fs;

use lapidary_core::{Error, files};
use serde::Serialize;

use crate::args::{Form, Report};
use crate::failure::Failure;
use crate::report::{Told, csv, markdown, page};
use crate::{output, signals};

/// `lapidary report --json`
#[derive(Serialize)]
struct Answer<'a> {
    format: u32,
    runs: &'a [Told],
}

/// Gathers what the runs left, and writes or prints it.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Report) -> Result<(), Failure> {
    let form = form(command)?;
    signals::listen()?;
    let told = Told::gather(command)?;
    for one in &told {
        for missing in &one.report.missing {
            output::remark(&format!("{}: {missing}", one.report.run.name));
        }
    }
    if command.json {
        return output::print_json(&Answer {
            format: output::FORMAT,
            runs: &told,
        });
    }
    let text = match form {
        Form::Html => page::render(&told)?,
        Form::Markdown => markdown::render(&told)?,
        Form::Csv => csv::render(&told)?,
    };
    let Some(file) = &command.output else {
        output::print(&text)?;
        if form == Form::Markdown {
            output::remark("`-o report.html` makes a page of it");
        }
        return Ok(());
    };
    files::replace(file, |new| fs::write(new, &text).map_err(Error::io(new)))?;
    output::remark(&format!("written: {}", file.display()));
    Ok(())
}

fn form(command: &Report) -> Result<Form, Failure> {
    if let Some(form) = command.format {
        return Ok(form);
    }
    let Some(file) = &command.output else {
        return Ok(Form::Markdown);
    };
    Form::of(file).ok_or_else(|| {
        let message = format!("{}: this ending tells no form", file.display());
        let hint = "end it in .html, .md or .csv, or name the form with --format";
        Failure::usage(message).hint(hint)
    })
}
