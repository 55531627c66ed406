//! `lapidary runs compare`

use lapidary_core::run::{Fact, Record, Table, differing};
use serde::Serialize;
use serde_json::Value;

use super::summary::{self, finite};
use crate::args::Compare;
use crate::failure::Failure;
use crate::{finding, output};

/// `lapidary runs compare --json`
#[derive(Serialize)]
struct Compared<'a> {
    format: u32,
    runs: Vec<String>,
    outcomes: Vec<&'static str>,
    differ: Vec<Differs<'a>>,
    metrics: &'a [Row],
}

#[derive(Serialize)]
struct Differs<'a> {
    name: &'a str,
    values: &'a [Value],
}

/// A figure in each run.
#[derive(Serialize)]
struct Row {
    of: String,
    metric: String,
    values: Vec<Option<f64>>,
    differences: Vec<Option<f64>>,
}

/// Shows runs side by side.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Compare) -> Result<(), Failure> {
    let open = |named| -> Result<Record, Failure> {
        Ok(Record::open(&finding::find(named, &command.among.runs)?)?)
    };
    let runs = command.of.iter().map(|named| open(named));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let facts = differing(&runs.iter().collect::<Vec<_>>());
    let rows = rows(&runs)?;
    if command.json {
        return output::print_json(&Compared {
            format: output::FORMAT,
            runs: runs.iter().map(Record::name).collect(),
            outcomes: runs.iter().map(|run| run.state().name()).collect(),
            differ: facts
                .iter()
                .map(|Fact { name, values }| Differs { name, values })
                .collect(),
            metrics: &rows,
        });
    }
    output::print(&text(&runs, &facts, &rows)?)
}

/// The figures of all runs, in the order of the first that has them.
fn rows(runs: &[Record]) -> Result<Vec<Row>, Failure> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        for figure in run.figures()? {
            let same = |row: &Row| row.of == figure.of && row.metric == figure.metric;
            let at = rows.iter().position(same).unwrap_or_else(|| {
                rows.push(Row {
                    of: figure.of.clone(),
                    metric: figure.metric.clone(),
                    values: vec![None; runs.len()],
                    differences: Vec::new(),
                });
                rows.len() - 1
            });
            rows[at].values[number] = finite(figure.value);
        }
    }
    for row in &mut rows {
        let first = row.values.first().copied().flatten();
        let against = |value: &Option<f64>| Some((*value)? - first?);
        row.differences = row.values.iter().map(against).collect();
    }
    Ok(rows)
}

fn text(runs: &[Record], facts: &[Fact], rows: &[Row]) -> Result<String, Failure> {
    let head = |first: &str| {
        let names = runs.iter().map(Record::name);
        std::iter::once(first.to_owned())
            .chain(names)
            .collect::<Vec<_>>()
    };
    let mut differences = Table::new(head("differs"));
    let outcomes = runs.iter().map(summary::outcome);
    differences.row(std::iter::once("outcome".to_owned()).chain(outcomes))?;
    for fact in facts {
        let values = fact.values.iter().map(summary::plain);
        differences.row(std::iter::once(fact.name.clone()).chain(values))?;
    }
    let mut figures = Table::new(head("metric"));
    for row in rows {
        let cells = row.values.iter().zip(&row.differences).enumerate();
        let cells = cells.map(|(number, (value, difference))| match (value, difference) {
            (None, _) => String::new(),
            (Some(value), Some(difference)) if number > 0 => {
                let sign = if *difference < 0.0 { "-" } else { "+" };
                let size = summary::number(difference.abs());
                format!("{} ({sign}{size})", summary::number(*value))
            }
            (Some(value), _) => summary::number(*value),
        });
        figures.row(std::iter::once(format!("{} {}", row.of, row.metric)).chain(cells))?;
    }
    let mut out = differences.markdown();
    if facts.is_empty() {
        out += "\nNo setting differs.\n";
    }
    if !rows.is_empty() {
        out += &format!("\n{}", figures.markdown());
    }
    Ok(out)
}
