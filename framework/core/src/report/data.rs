//! Figures of data sets and their splits.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::sources::Sources;
use crate::data::{SplitReport, Summary};
use crate::error::Result;
use crate::fingerprint::Fingerprint;

/// A data set of a run.
#[derive(Clone, Debug, Serialize)]
pub struct DataFigures {
    /// Its name.
    pub name: String,
    /// Names its content.
    pub fingerprint: Fingerprint,
    /// Its figures; none where the store does not have it any more.
    pub summary: Option<Summary>,
    /// How it was cut.
    pub splits: Vec<Cut>,
}

/// A split of a data set.
#[derive(Clone, Debug, Serialize)]
pub struct Cut {
    /// The first digits of its fingerprint.
    pub name: String,
    /// `leave_one_out` or `temporal`.
    pub kind: String,
    /// How it was cut.
    pub settings: Value,
    /// Its figures.
    pub report: SplitReport,
}

#[derive(Deserialize)]
struct Noted {
    fingerprint: Fingerprint,
}

#[derive(Deserialize)]
struct CutNoted {
    dataset: String,
    kind: String,
    settings: Value,
    report: SplitReport,
}

/// All data sets that the run opened.
pub(super) fn gather(sources: &mut Sources<'_>) -> Result<Vec<DataFigures>> {
    let record = sources.run.record();
    let cuts: Vec<(String, CutNoted)> = (record["splits"].as_object().into_iter().flatten())
        .filter_map(|(name, note)| Some((name.clone(), CutNoted::deserialize(note).ok()?)))
        .collect();
    let mut all = Vec::new();
    for (name, note) in record["datasets"].as_object().into_iter().flatten() {
        let Ok(Noted { fingerprint }) = Noted::deserialize(note) else {
            continue;
        };
        let summary = sources.part("data set", |of| of.summary(name))?;
        let own = cuts.iter().filter(|(_, cut)| cut.dataset == *name);
        all.push(DataFigures {
            name: name.clone(),
            fingerprint,
            summary,
            splits: own
                .map(|(name, cut)| Cut {
                    name: name.clone(),
                    kind: cut.kind.clone(),
                    settings: cut.settings.clone(),
                    report: cut.report.clone(),
                })
                .collect(),
        });
    }
    Ok(all)
}
