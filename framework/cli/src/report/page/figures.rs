//! Metrics with their intervals, and comparisons.

use lapidary_core::pipeline::Candidates;
use lapidary_core::rank::Figure;
use lapidary_core::report::{Comparison, EvaluationFigures, MetricFigure};
use serde::Serialize;

use super::super::Told;
use super::Names;
use crate::drawing::intervals::{Drawn, Interval, rows};
use crate::words;

/// Rankings of the same cases.
#[derive(Serialize)]
pub struct Group {
    title: String,
    about: Vec<(String, String)>,
    removed: Vec<Picture>,
    kept: Vec<Picture>,
}

/// One metric: a row a model.
#[derive(Serialize)]
pub struct Picture {
    title: String,
    rows: Vec<Row>,
    /// What stands at the ends of the scale.
    ends: [String; 2],
}

#[derive(Serialize)]
struct Row {
    name: String,
    drawn: Drawn,
    value: String,
    range: String,
    /// The p of a difference.
    p: Option<String>,
}

/// A comparison.
#[derive(Serialize)]
pub struct Compared {
    title: String,
    first: String,
    own: bool,
    removed: Vec<Picture>,
    kept: Vec<Picture>,
    table: Vec<Vec<String>>,
}

/// The rankings of all runs, those of the same cases together.
pub fn metrics(told: &[Told], names: Names) -> Vec<Group> {
    let mut groups: Vec<Vec<(String, &EvaluationFigures)>> = Vec::new();
    for (run, one) in told.iter().enumerate() {
        for found in &one.report.evaluations {
            let of = |e: &EvaluationFigures| (e.split.clone(), e.cases.clone(), e.among);
            let same = |group: &&mut Vec<(String, &EvaluationFigures)>| of(group[0].1) == of(found);
            let named = (names.label(run, &found.label), found);
            match groups.iter_mut().find(same) {
                Some(group) => group.push(named),
                None => groups.push(vec![named]),
            }
        }
    }
    groups.iter().map(|group| view(group)).collect()
}

fn view(group: &[(String, &EvaluationFigures)]) -> Group {
    let first = group[0].1;
    let cases = group.iter().find_map(|(_, e)| e.n_cases);
    let mut title = match cases {
        Some(n) => format!("{} {} cases", words::whole(n), first.cases),
        None => format!("{} cases", first.cases),
    };
    if first.among == Candidates::Cold {
        title += " among items held out of training";
    }
    Group {
        title,
        about: group.iter().filter_map(about).collect(),
        removed: pictures(group, "removed"),
        kept: pictures(group, "kept"),
    }
}

/// What is known of a model's lists.
fn about((name, figures): &(String, &EvaluationFigures)) -> Option<(String, String)> {
    let tied = figures.tied.map(|t| format!("{:.2} % tied", 100.0 * t));
    let lists = figures.lists.map(|l| {
        format!(
            "lists of {} cover {:.1} % of the catalogue, popularity bias {:+.2}",
            l.k,
            100.0 * l.coverage,
            l.popularity_bias
        )
    });
    let told: Vec<String> = tied.into_iter().chain(lists).collect();
    (!told.is_empty()).then(|| (name.clone(), told.join("; ")))
}

fn pictures(group: &[(String, &EvaluationFigures)], seen: &str) -> Vec<Picture> {
    let mut titles: Vec<&str> = Vec::new();
    let all = || group.iter().flat_map(|(_, e)| &e.metrics);
    for figure in all().filter(|f| f.seen == seen) {
        if !titles.contains(&figure.metric.as_str()) {
            titles.push(&figure.metric);
        }
    }
    let picture = |title: &str| {
        let of = |e: &'_ EvaluationFigures| -> Option<MetricFigure> {
            let mut found = e.metrics.iter();
            found.find(|f| f.metric == title && f.seen == seen).cloned()
        };
        let found: Vec<(&String, MetricFigure)> = (group.iter())
            .filter_map(|(name, e)| Some((name, of(e)?)))
            .collect();
        let intervals: Vec<Interval> = (found.iter())
            .map(|(_, f)| Interval {
                mean: f.mean,
                ends: f.low.zip(f.high).map(|(low, high)| [low, high]),
            })
            .collect();
        let (drawn, ends) = rows(&intervals, false);
        let rows = found.into_iter().zip(drawn);
        Picture {
            title: title.to_owned(),
            ends: ends.map(words::figure),
            rows: rows
                .map(|((name, figure), drawn)| Row {
                    name: name.clone(),
                    drawn,
                    value: words::figure(figure.mean),
                    range: range(figure.low.zip(figure.high)),
                    p: None,
                })
                .collect(),
        }
    };
    titles.into_iter().map(picture).collect()
}

fn range(ends: Option<(f64, f64)>) -> String {
    let text = |(low, high)| format!("{} to {}", words::figure(low), words::figure(high));
    ends.map(text).unwrap_or_default()
}

/// The comparisons of all runs.
pub fn comparisons(told: &[Told], names: Names) -> Vec<Compared> {
    let all = told.iter().enumerate();
    let all = all.flat_map(|(n, one)| one.report.comparisons.iter().map(move |c| (n, c)));
    all.map(|(run, comparison)| {
        let name = comparison.name.as_deref().unwrap_or("rankings");
        compared(comparison, names.of(run, name))
    })
    .collect()
}

fn compared(comparison: &Comparison, title: String) -> Compared {
    let figures = &comparison.figures;
    let first = figures.first().map(|f| f.way.clone()).unwrap_or_default();
    Compared {
        title,
        own: comparison.name.is_some(),
        removed: differences(figures, &first, "removed"),
        kept: differences(figures, &first, "kept"),
        table: figures.iter().map(cells).collect(),
        first,
    }
}

/// Differences to the first way, metric by metric.
fn differences(figures: &[Figure], first: &str, seen: &str) -> Vec<Picture> {
    let mut titles: Vec<&str> = Vec::new();
    for figure in figures.iter().filter(|f| f.seen == seen) {
        if !titles.contains(&figure.metric.as_str()) {
            titles.push(&figure.metric);
        }
    }
    let picture = |title: &str| {
        let of = |f: &&Figure| f.metric == title && f.seen == seen;
        let base = figures.iter().filter(of).find(|f| f.way == first);
        let base = base.map_or(0.0, |f| f.mean);
        let others: Vec<&Figure> = (figures.iter().filter(of))
            .filter(|f| f.way != first && f.low.is_some())
            .collect();
        let intervals: Vec<Interval> = (others.iter())
            .map(|f| Interval {
                mean: f.gain.map_or(f.mean - base, |gain| gain * base),
                ends: f.low.zip(f.high).map(|(low, high)| [low, high]),
            })
            .collect();
        let (drawn, ends) = rows(&intervals, true);
        let values = others.iter().zip(drawn).zip(&intervals);
        Picture {
            title: format!("{title}: {} with {first}", words::figure(base)),
            ends: ends.map(|end| format!("{end:+.4}")),
            rows: values
                .map(|((figure, drawn), interval)| Row {
                    name: figure.way.clone(),
                    drawn,
                    value: match figure.gain {
                        Some(gain) => format!("{:+.4} ({:+.1} %)", interval.mean, 100.0 * gain),
                        None => format!("{:+.4}", interval.mean),
                    },
                    range: interval
                        .ends
                        .map(|[low, high]| format!("{low:+.4} to {high:+.4}"))
                        .unwrap_or_default(),
                    p: figure.p.map(words::p),
                })
                .collect(),
        }
    };
    let pictures = titles.into_iter().map(picture);
    pictures.filter(|p| !p.rows.is_empty()).collect()
}

/// A row of the table behind a comparison.
fn cells(figure: &Figure) -> Vec<String> {
    let mean = match figure.sd {
        Some(sd) => format!("{} ± {}", words::figure(figure.mean), words::figure(sd)),
        None => words::figure(figure.mean),
    };
    let signed = |value: Option<f64>| value.map(|v| format!("{v:+.4}")).unwrap_or_default();
    vec![
        format!("{}, seen {}", figure.metric, figure.seen),
        figure.way.clone(),
        mean,
        figure
            .gain
            .map(|g| format!("{:+.1} %", 100.0 * g))
            .unwrap_or_default(),
        signed(figure.low),
        signed(figure.high),
        figure.p.map(words::p).unwrap_or_default(),
    ]
}
