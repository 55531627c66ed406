//! `lapidary explain`

use std::fs;
use std::path::Path;

use lapidary_core::{Error, files};
use serde::Serialize;

use crate::args::Explain;
use crate::asking::{Asking, Head};
use crate::failure::Failure;
use crate::reasons::{Told, page, text};
use crate::{output, signals};

/// `lapidary explain --json`
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    explanations: &'a [Told],
}

/// Explains the named items, or the first recommendations.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Explain) -> Result<(), Failure> {
    signals::listen()?;
    let asking = Asking::open(&command.ask)?;
    let query = asking.query()?;
    let items = match command.item.as_slice() {
        [] => (asking.recommender())
            .recommend(query, command.k, &asking.steer)?
            .iter()
            .map(|best| best.item)
            .collect(),
        ids => ids
            .iter()
            .map(|id| asking.item(id))
            .collect::<Result<Vec<u32>, _>>()?,
    };
    let portraits =
        (asking.recommender()).portraits(asking.split(), query, &items, &asking.steer)?;
    let told = (portraits.into_iter())
        .map(|portrait| Told::of(asking.data(), portrait))
        .collect::<Result<Vec<Told>, _>>()?;
    asking.remark();
    if let Some(file) = &command.html {
        write(file, &page::render(&asking, &told)?)?;
        output::remark(&format!("written: {}", file.display()));
    }
    if command.ask.json {
        return output::print_json(&Answer {
            head: asking.head(),
            explanations: &told,
        });
    }
    output::print(&text::render(&asking.heading(), &told))
}

fn write(file: &Path, page: &str) -> Result<(), Failure> {
    let written = files::replace(file, |new| fs::write(new, page).map_err(Error::io(new)));
    Ok(written?)
}
