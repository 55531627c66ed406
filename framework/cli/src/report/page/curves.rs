//! Curves of trainings, a picture a value.

use lapidary_core::report::{Curve, Line, Unit};
use serde::Serialize;

use super::super::Told;
use super::Names;
use crate::drawing::curves::{self, Chart};
use crate::words;

/// Values that say how training was set or how fast it was, not what came of it.
const APART: [&str; 3] = ["learning_rate", "train_seconds", "validation_seconds"];

/// All pictures and what their lines mean.
#[derive(Serialize)]
pub struct View {
    key: Vec<Key>,
    charts: Vec<Picture>,
}

#[derive(Serialize)]
struct Key {
    name: String,
    colour: usize,
    dash: usize,
}

#[derive(Serialize)]
struct Picture {
    title: String,
    unit: &'static str,
    chart: Chart,
    rows: Vec<Row>,
}

/// What the table behind a picture tells of a line.
#[derive(Serialize)]
struct Row {
    name: String,
    points: usize,
    last: String,
    lowest: String,
    highest: String,
}

/// A line's name, way and number within the way.
struct Named<'a> {
    curve: &'a Curve,
    key: Key,
}

/// One picture a value; nothing where nothing was trained.
pub fn view(told: &[Told], names: Names) -> Option<View> {
    let named = named(told, names);
    let mut titles: Vec<(&str, Unit)> = Vec::new();
    for Named { curve, .. } in &named {
        for line in curve
            .lines
            .iter()
            .filter(|l| !APART.contains(&l.name.as_str()))
        {
            let title = (line.name.as_str(), curve.unit);
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
    }
    let charts: Vec<Picture> = (titles.into_iter())
        .filter_map(|(title, unit)| picture(&named, title, unit))
        .collect();
    let key = named.into_iter().map(|named| named.key).collect();
    (!charts.is_empty()).then_some(View { key, charts })
}

/// A colour a way, a dash a seed.
fn named<'a>(told: &'a [Told], names: Names) -> Vec<Named<'a>> {
    let mut ways: Vec<(usize, &str, usize)> = Vec::new();
    let mut all = Vec::new();
    for (run, one) in told.iter().enumerate() {
        for curve in &one.report.curves {
            let way = curve.label.way.as_str();
            let known = ways.iter().position(|w| (w.0, w.1) == (run, way));
            let colour = known.unwrap_or_else(|| {
                ways.push((run, way, 0));
                ways.len() - 1
            });
            let key = Key {
                name: names.label(run, &curve.label),
                colour: colour % curves::COLOURS,
                dash: ways[colour].2 % curves::DASHES,
            };
            ways[colour].2 += 1;
            all.push(Named { curve, key });
        }
    }
    all
}

fn picture(named: &[Named<'_>], title: &str, unit: Unit) -> Option<Picture> {
    let of = |named: &Named<'_>| -> Option<usize> {
        let found = named.curve.lines.iter().position(|line| line.name == title);
        found.filter(|_| named.curve.unit == unit)
    };
    let lines: Vec<(&Named<'_>, &Line)> = (named.iter())
        .filter_map(|named| Some((named, &named.curve.lines[of(named)?])))
        .collect();
    let drawn: Vec<curves::Line<'_>> = (lines.iter())
        .map(|(named, line)| curves::Line {
            name: &named.key.name,
            colour: named.key.colour,
            dash: named.key.dash,
            points: &line.points,
        })
        .collect();
    let unit = match unit {
        Unit::Epoch => "epoch",
        Unit::Step => "step",
    };
    Some(Picture {
        title: title.replace('_', " "),
        unit,
        chart: Chart::of(title, &drawn)?,
        rows: (lines.iter())
            .filter_map(|(named, line)| row(&named.key.name, line))
            .collect(),
    })
}

fn row(name: &str, line: &Line) -> Option<Row> {
    let by_value = |a: &&(u64, f64), b: &&(u64, f64)| a.1.total_cmp(&b.1);
    let at = |point: &(u64, f64)| format!("{} at {}", words::figure(point.1), point.0);
    Some(Row {
        name: name.to_owned(),
        points: line.points.len(),
        last: at(line.points.last()?),
        lowest: at(line.points.iter().min_by(by_value)?),
        highest: at(line.points.iter().max_by(by_value)?),
    })
}
