//! What a run left, gathered to be shown: what ran, figures, curves, distributions, a map of the items. All of it comes from
//! the run's folder and the store; what is not there any more is told in [`Report::missing`].

mod comparisons;
mod curves;
mod data;
mod evaluations;
mod labels;
mod map;
mod ran;
mod scores;
mod sources;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;

pub use comparisons::{Comparison, OtherTable};
pub use curves::{Curve, Line, Unit};
pub use data::{Cut, DataFigures};
pub use evaluations::{EvaluationFigures, MetricFigure};
pub use labels::Label;
pub use map::{Map, Point};
pub use ran::{Part, Plugin, Ran};
pub use scores::{AttributeFigures, Distribution, Named};

use crate::error::Result;
use crate::pipeline::{KeptModel, KeptRun};
use crate::progress;
use labels::{Labels, artefacts};
use sources::Sources;

/// What one run left.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What ran.
    pub run: Ran,
    /// The data sets and how they were cut.
    pub data: Vec<DataFigures>,
    /// Curves of trainings.
    pub curves: Vec<Curve>,
    /// Figures of every ranking, in the order of the script.
    pub evaluations: Vec<EvaluationFigures>,
    /// Comparisons of ways.
    pub comparisons: Vec<Comparison>,
    /// Other tables that the run wrote.
    pub tables: Vec<OtherTable>,
    /// How the items' scores are spread, attribute by attribute.
    pub attributes: Option<AttributeFigures>,
    /// The items on two axes.
    pub map: Option<Map>,
    /// What cannot be shown, and why.
    pub missing: Vec<String>,
}

/// Gathers what a run left in its folder and in the store at `store`. Attributes and the map are those of `model`.
///
/// # Errors
/// [`crate::Error::Damaged`] or [`crate::Error::Data`] when the run's folder cannot be read; [`crate::Error::Interrupted`]. What the
/// store lacks is no error.
pub fn gather(run: &KeptRun, store: &Path, model: Option<&KeptModel>) -> Result<Report> {
    let ran = Ran::of(run)?;
    let notes = curves::notes(run)?;
    let labels = Labels::of(run);
    let mut sources = Sources::new(run, store);
    let mut parts = Parts::of(run);
    parts.next("data sets");
    let data = data::gather(&mut sources)?;
    parts.next("curves");
    let curves = curves::gather(&mut sources, &notes, &labels)?;
    let (evaluations, rankings) = evaluations::gather(&mut sources, &notes, &labels, &mut parts)?;
    parts.next("comparisons");
    let (comparisons, tables) = comparisons::gather(run, &evaluations, &rankings)?;
    let mut report = Report {
        run: ran,
        data,
        curves,
        evaluations,
        comparisons,
        tables,
        attributes: None,
        map: None,
        missing: Vec::new(),
    };
    if let Some(model) = model {
        parts.next("attributes");
        let guided = sources.guided(model)?;
        if let Some(guided) = &guided {
            report.attributes = scores::gather(&mut sources, model, guided)?;
        }
        parts.next("map of the items");
        report.map = map::gather(&mut sources, model, guided.as_ref())?;
    }
    report.missing = sources.missing;
    Ok(report)
}

/// How far a report is.
struct Parts {
    stage: progress::Stage,
    done: u64,
}

impl Parts {
    /// Data sets, curves, every ranking, comparisons, attributes, the map.
    fn of(run: &KeptRun) -> Self {
        let ranked = artefacts(run.record()).filter(|(sort, _)| *sort == "evaluation");
        Self {
            stage: progress::begin("report", 5 + ranked.count() as u64),
            done: 0,
        }
    }

    /// The next part begins.
    fn next(&mut self, what: &str) {
        self.stage.update(self.done, what);
        self.done += 1;
    }
}
