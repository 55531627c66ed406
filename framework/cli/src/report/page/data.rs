//! Data sets, other tables, and what is missing.

use lapidary_core::report::{Cut, DataFigures};
use serde::Serialize;

use super::super::Told;
use super::Names;
use crate::words;

/// A data set.
#[derive(Serialize)]
pub struct Card {
    name: String,
    runs: String,
    rows: Vec<(&'static str, String)>,
    splits: Vec<Split>,
}

#[derive(Serialize)]
struct Split {
    name: String,
    rows: Vec<(&'static str, String)>,
}

/// A table as a run wrote it.
#[derive(Serialize)]
pub struct Table {
    name: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// The data sets of all runs, each once.
pub fn view(told: &[Told], names: Names) -> Vec<Card> {
    let mut cards: Vec<(&DataFigures, Vec<String>)> = Vec::new();
    for (number, one) in told.iter().enumerate() {
        for data in &one.report.data {
            let cuts =
                |d: &DataFigures| d.splits.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
            let same = |(known, _): &&mut (&DataFigures, Vec<String>)| {
                known.fingerprint == data.fingerprint && cuts(known) == cuts(data)
            };
            match cards.iter_mut().find(same) {
                Some((_, runs)) => runs.push(names.letter(number)),
                None => cards.push((data, vec![names.letter(number)])),
            }
        }
    }
    let card = |(data, runs): (&DataFigures, Vec<String>)| Card {
        name: data.name.clone(),
        runs: runs.join(", "),
        rows: figures(data),
        splits: data.splits.iter().map(split).collect(),
    };
    cards.into_iter().map(card).collect()
}

/// A data set's figures.
pub fn figures(data: &DataFigures) -> Vec<(&'static str, String)> {
    let Some(of) = &data.summary else {
        return Vec::new();
    };
    let lengths = format!(
        "{:.1} on average, median {}, {} to {}",
        of.mean_length, of.median_length, of.min_length, of.max_length
    );
    vec![
        ("users", words::whole(of.users)),
        ("items", words::whole(of.items)),
        ("interactions", words::whole(of.interactions)),
        ("density", format!("{:.4} %", 100.0 * of.density)),
        ("per user", lengths),
        ("rated", words::percent(of.rated)),
        ("items with text", words::percent(of.with_text)),
    ]
}

fn split(cut: &Cut) -> Split {
    let report = &cut.report;
    let count = |n: u64| words::whole(n as usize);
    let mut rows = vec![
        ("training", count(report.train_interactions)),
        ("validation cases", count(report.valid_cases)),
        ("test cases", count(report.test_cases)),
    ];
    if report.has_times {
        rows.push((
            "test items that tie in time",
            words::percent(report.tied_test),
        ));
    }
    rows.push((
        "test items that never train",
        words::percent(report.cold_test),
    ));
    if report.held_out_items > 0 {
        rows.push(("items held out", count(report.held_out_items)));
        rows.push(("cold cases", count(report.cold_cases)));
    }
    Split {
        name: cut.kind.replace('_', " "),
        rows,
    }
}

/// Tables other than comparisons.
pub fn tables(told: &[Told], names: Names) -> Vec<Table> {
    let all = told.iter().enumerate();
    let tables = all.flat_map(|(n, one)| one.report.tables.iter().map(move |table| (n, table)));
    let table = tables.map(|(n, table)| Table {
        name: names.of(n, &table.name),
        head: table.head.clone(),
        rows: table.rows.clone(),
    });
    table.collect()
}

/// What cannot be shown.
pub fn missing(told: &[Told], names: Names) -> Vec<String> {
    let all = told.iter().enumerate();
    all.flat_map(|(n, one)| {
        let lines = one.report.missing.iter();
        lines.map(move |line| names.of(n, line))
    })
    .collect()
}
