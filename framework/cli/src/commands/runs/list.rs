//! `lapidary runs list`

use lapidary_core::run::{Figure, Record, in_one_line};
use serde::Serialize;
use serde_json::Value;

use super::summary::{self, Summary};
use crate::args::Of;
use crate::failure::Failure;
use crate::output;

/// Rows where `-n` does not say how many.
const SHOWN: usize = 20;
const HEAD: [&str; 6] = [
    "run",
    "outcome",
    "started (UTC)",
    "took",
    "set up",
    "last figures, or why it failed",
];
/// Characters that are told of why a run failed; `runs show` tells all.
const TOLD: usize = 120;
/// Figures of a row.
const FIGURES: usize = 3;

/// `lapidary runs list --json`
#[derive(Serialize)]
struct Listing<'a> {
    format: u32,
    runs: Vec<Summary<'a>>,
    unreadable: Vec<Value>,
}

/// Lists runs whose names begin so, the latest first, and then what cannot be read.
///
/// # Errors
/// What the user must be told.
pub fn execute(beginning: &str, command: &Of) -> Result<(), Failure> {
    let home = &command.among.runs;
    let mut listed = super::all(home)?;
    listed.retain(|(name, _)| name.starts_with(beginning));
    let mut runs = Vec::new();
    let mut unreadable = Vec::new();
    for (name, run) in &listed {
        match run {
            Ok(run) => runs.push(run),
            Err(error) => unreadable.push((name, error)),
        }
    }
    runs.reverse();
    let all = runs.len();
    let most = if command.json { usize::MAX } else { SHOWN };
    runs.truncate(command.n.unwrap_or(most));
    if command.json {
        let told = |(name, error): (&String, &lapidary_core::Error)| {
            summary::unreadable(name, &home.join(name), error)
        };
        return output::print_json(&Listing {
            format: output::FORMAT,
            runs: runs
                .into_iter()
                .map(Summary::of)
                .collect::<Result<_, _>>()?,
            unreadable: unreadable.into_iter().map(told).collect(),
        });
    }
    if !runs.is_empty() {
        let rows = runs.iter().map(|run| row(run));
        let rows = std::iter::once(Ok(HEAD.map(str::to_owned))).chain(rows);
        let rows = rows.collect::<Result<Vec<_>, Failure>>()?;
        output::print(&output::columns(&rows))?;
    } else if unreadable.is_empty() {
        output::remark(&format!("no runs in {}", home.display()));
    }
    if command.n.is_none() && all > runs.len() {
        output::remark(&format!("{} more; -n {all} shows all", all - runs.len()));
    }
    for (_, error) in unreadable {
        output::remark(&format!("unreadable: {error}"));
    }
    Ok(())
}

fn row(run: &Record) -> Result<[String; 6], Failure> {
    Ok([
        run.name(),
        summary::outcome(run),
        summary::started(run),
        summary::took(run.seconds()),
        summary::set_up(run),
        match run.message() {
            Some(message) => cut(in_one_line(message)),
            None => last(&run.figures()?),
        },
    ])
}

/// The beginning of a long text.
fn cut(text: String) -> String {
    match text.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(&text).trim_end()),
        None => text,
    }
}

/// What was measured last: `test refined sasrec: mrr@10 0.0918, recall@10 0.2146`.
fn last(figures: &[Figure]) -> String {
    let Some(of) = figures.last().map(|figure| &figure.of) else {
        return String::new();
    };
    let figures = figures.iter().filter(|figure| figure.of == *of);
    let text = |figure: &Figure| format!("{} {}", figure.metric, summary::number(figure.value));
    let texts: Vec<String> = figures.take(FIGURES).map(text).collect();
    format!("{of}: {}", texts.join(", "))
}
