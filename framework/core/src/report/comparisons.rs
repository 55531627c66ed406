//! Comparisons of ways, and the other tables of a run.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::evaluations::{EvaluationFigures, Rankings, SAMPLES};
use crate::error::{Error, Result};
use crate::pipeline::KeptRun;
use crate::rank::{Bootstrap, Figure, Metric};

/// Ways against the first of them.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Its table's name; none for one that the script did not make.
    pub name: Option<String>,
    /// The figures, metric by metric, way by way.
    pub figures: Vec<Figure>,
}

/// A table that the run wrote.
#[derive(Clone, Debug, Serialize)]
pub struct OtherTable {
    /// Its name.
    pub name: String,
    /// The columns' names.
    pub head: Vec<String>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

/// The script's comparisons and its other tables. Where it compared nothing but ranked the same cases several times, the
/// first ranking is compared with the others.
pub(super) fn gather(
    run: &KeptRun,
    evaluations: &[EvaluationFigures],
    rankings: &Rankings,
) -> Result<(Vec<Comparison>, Vec<OtherTable>)> {
    let (mut comparisons, mut tables) = (Vec::new(), Vec::new());
    for path in files(&run.folder().join("tables"))? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match figures(&path.with_extension("json")) {
            Some(figures) => comparisons.push(Comparison {
                name: Some(name.into_owned()),
                figures,
            }),
            None => tables.push(table(&path, name.into_owned())?),
        }
    }
    if comparisons.is_empty() {
        comparisons.extend(of_evaluations(evaluations, rankings)?);
    }
    Ok((comparisons, tables))
}

/// The tables' files of comma-separated values, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "csv") && path.is_file());
    paths.sort();
    Ok(paths)
}

/// A comparison's figures; a file of the script's own holds something else.
fn figures(path: &Path) -> Option<Vec<Figure>> {
    let text = fs::read(path).ok()?;
    let figures: Vec<Figure> = serde_json::from_slice(&text).ok()?;
    (!figures.is_empty()).then_some(figures)
}

fn table(path: &Path, name: String) -> Result<OtherTable> {
    let wrong = |error: csv::Error| Error::data(path, None, error.to_string());
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(path)
        .map_err(wrong)?;
    let cells = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect();
    let head = cells(reader.headers().map_err(wrong)?);
    let rows = reader.records().map(|row| Ok(cells(&row.map_err(wrong)?)));
    Ok(OtherTable {
        name,
        head,
        rows: rows.collect::<Result<_>>()?,
    })
}

/// The first ranking of some cases against the others of the same cases.
fn of_evaluations(
    evaluations: &[EvaluationFigures],
    rankings: &Rankings,
) -> Result<Option<Comparison>> {
    let with = |e: &&EvaluationFigures| rankings.contains_key(&e.fingerprint);
    let Some(first) = evaluations.iter().find(with) else {
        return Ok(None);
    };
    let same = |e: &&EvaluationFigures| {
        (&e.split, &e.cases, e.among) == (&first.split, &first.cases, first.among)
    };
    let group: Vec<&EvaluationFigures> = evaluations.iter().filter(with).filter(same).collect();
    if group.len() < 2 {
        return Ok(None);
    }
    let mut figures = Vec::new();
    for of in &first.metrics {
        let Ok(metric) = of.metric.parse::<Metric>() else {
            continue;
        };
        let values = |evaluation: &EvaluationFigures| {
            let ranking = rankings.get(&evaluation.fingerprint)?;
            let places = match of.seen {
                "kept" => &ranking.all,
                _ => &ranking.unseen,
            };
            Some(places.values(metric, ranking.n_items))
        };
        let reference = values(first).unwrap_or_default();
        for (number, evaluation) in group.iter().enumerate() {
            let own = values(evaluation).unwrap_or_default();
            let bootstrap = Bootstrap {
                samples: SAMPLES,
                ..Bootstrap::default()
            };
            let difference = match number {
                0 => None,
                _ => Some(bootstrap.compare(&reference, &own)?),
            };
            let mean =
                |v: &[f32]| v.iter().map(|&v| f64::from(v)).sum::<f64>() / v.len().max(1) as f64;
            let figure = Figure::of(
                &evaluation.label.text,
                metric,
                of.seen == "kept",
                mean(&own),
                None,
            );
            figures.push(figure.against(mean(&reference), difference));
        }
    }
    Ok(Some(Comparison {
        name: None,
        figures,
    }))
}
