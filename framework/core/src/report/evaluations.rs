//! Figures of rankings, with intervals from each case's own value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Parts;
use super::curves::Note;
use super::labels::{Label, Labels, artefacts};
use super::sources::Sources;
use crate::data::CaseSet;
use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::pipeline::{Candidates, evaluation_stage};
use crate::rank::{Bootstrap, Catalogue, Metric, Ranking};

/// Draws of the bootstrap behind the intervals.
pub(super) const SAMPLES: usize = 1000;

/// Figures of one ranking.
#[derive(Clone, Debug, Serialize)]
pub struct EvaluationFigures {
    /// What ranked.
    #[serde(flatten)]
    pub label: Label,
    /// Names the evaluation.
    pub fingerprint: Fingerprint,
    /// Names the model.
    pub model: Fingerprint,
    /// The split of the cases.
    pub split: Fingerprint,
    /// Which of its cases: `valid`, `test` or `cold`.
    pub cases: String,
    /// What was ranked: `all` or `cold`.
    pub among: Candidates,
    /// How many cases; none where the store does not have the ranking any more.
    pub n_cases: Option<usize>,
    /// Share of cases whose target ties with another item.
    pub tied: Option<f64>,
    /// Figures of the lists, seen items removed.
    pub lists: Option<Catalogue>,
    /// Means of metrics.
    pub metrics: Vec<MetricFigure>,
}

/// The mean of a metric, with its 95 % interval over cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricFigure {
    /// The metric.
    pub metric: String,
    /// Whether the items that a user has were `removed` from the ranking or `kept`.
    pub seen: &'static str,
    /// The mean over cases.
    pub mean: f64,
    /// Lower end of the interval of a percentile bootstrap over cases; none where the cases' own values are gone.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// Rankings by the fingerprints of their evaluations.
pub(super) type Rankings = BTreeMap<Fingerprint, Ranking>;

#[derive(Deserialize)]
struct Noted {
    fingerprint: Fingerprint,
    inputs: Inputs,
}

#[derive(Deserialize)]
struct Inputs {
    model: Fingerprint,
    split: Fingerprint,
    cases: String,
    #[serde(default)]
    among: Candidates,
}

/// Every ranking of the run, and those that the store still has.
pub(super) fn gather(
    sources: &mut Sources<'_>,
    notes: &[Note],
    labels: &Labels,
    parts: &mut Parts,
) -> Result<(Vec<EvaluationFigures>, Rankings)> {
    let record = sources.run.record();
    let noted = artefacts(record).filter(|(sort, _)| *sort == "evaluation");
    let noted: Vec<Noted> = noted
        .filter_map(|(_, note)| Noted::deserialize(note).ok())
        .collect();
    let (mut all, mut rankings) = (Vec::new(), Rankings::new());
    for Noted {
        fingerprint,
        inputs,
    } in noted
    {
        let label = labels.get(inputs.model.as_str());
        let stage = evaluation_stage(&inputs.cases, inputs.among, &inputs.model);
        let means = means(notes, &stage);
        let mut figures = EvaluationFigures {
            metrics: means
                .iter()
                .map(|(name, mean)| plain(name, *mean))
                .collect(),
            label,
            fingerprint,
            model: inputs.model,
            split: inputs.split,
            cases: inputs.cases,
            among: inputs.among,
            n_cases: None,
            tied: None,
            lists: None,
        };
        let what = format!("intervals of {}", figures.label.text);
        parts.next(&what);
        let content = sources.artefact(&what, "evaluation", &figures.fingerprint)?;
        let cut = match &content {
            Some(_) => sources.split(&figures.split)?,
            None => None,
        };
        if let (Some(content), Some(cut)) = (content, cut) {
            let ranking = sources.part(&what, |_| {
                let set = CaseSet::named(&figures.cases);
                let set = set.unwrap_or(CaseSet::Test);
                let (asked, cases) = (cut.1.asked(set), cut.1.cases(set));
                let ranking = Ranking::from_content(&content, asked, cases)?;
                figures.fill(&ranking, asked, &means)?;
                Ok(Some(ranking))
            })?;
            rankings.extend(ranking.map(|r| (figures.fingerprint.clone(), r)));
        }
        all.push(figures);
    }
    Ok((all, rankings))
}

/// The metrics that the run noted of a ranking.
fn means(notes: &[Note], stage: &str) -> Vec<(String, f64)> {
    let mut found: Vec<(String, f64)> = Vec::new();
    for note in notes.iter().filter(|n| n.is_end() && n.stage == stage) {
        for (name, value) in &note.values {
            let new = !found.iter().any(|(known, _)| known == name);
            found.extend(value.as_f64().filter(|_| new).map(|v| (name.clone(), v)));
        }
    }
    found
}

fn plain(name: &str, mean: f64) -> MetricFigure {
    MetricFigure {
        metric: name.to_owned(),
        seen: "removed",
        mean,
        low: None,
        high: None,
    }
}

impl EvaluationFigures {
    /// Takes from a ranking what the run's folder does not hold.
    fn fill(
        &mut self,
        ranking: &Ranking,
        split: &crate::data::Split,
        means: &[(String, f64)],
    ) -> Result<()> {
        let metrics: Vec<Metric> = (means.iter())
            .filter_map(|(name, _)| name.parse().ok())
            .collect();
        let mut filled = Vec::new();
        for (seen, places) in [("removed", &ranking.unseen), ("kept", &ranking.all)] {
            for &metric in &metrics {
                crate::interrupt::check()?;
                let values = places.values(metric, ranking.n_items);
                let interval = Bootstrap {
                    samples: SAMPLES,
                    ..Bootstrap::default()
                }
                .mean(&values)?;
                filled.push(MetricFigure {
                    metric: metric.to_string(),
                    seen,
                    mean: places.mean(metric, ranking.n_items),
                    low: Some(interval.low),
                    high: Some(interval.high),
                });
            }
        }
        let report = ranking.report(&[], split);
        self.n_cases = Some(report.cases);
        self.tied = Some(report.tied);
        self.lists = report.unseen.catalogue;
        self.metrics = filled;
        Ok(())
    }
}
