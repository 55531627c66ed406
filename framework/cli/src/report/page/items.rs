//! Attributes, the map of the items, and case studies.

use lapidary_core::report::{Distribution, Map};
use serde::Serialize;

use super::super::Told;
use super::super::cases::CaseStudy;
use super::Names;
use crate::drawing::bars::heights;
use crate::drawing::map::{Dot, dots};
use crate::reasons::page::{Article, article};
use crate::reasons::plain;
use crate::words;

/// Rows of the table behind a map.
const ROWS: usize = 50;

/// What one run's model knows of the items.
#[derive(Serialize)]
pub struct Items {
    title: String,
    attributes: Vec<Attribute>,
    map: Option<Picture>,
}

#[derive(Serialize)]
struct Attribute {
    name: String,
    description: String,
    heights: Vec<f64>,
    ends: [String; 2],
    about: String,
    quartiles: Vec<String>,
    mean: String,
    sd: String,
    highest: Vec<String>,
    lowest: Vec<String>,
}

#[derive(Serialize)]
struct Picture {
    dots: Vec<Dot>,
    items: String,
    drawn: String,
    all: bool,
    variance: [String; 2],
    attributes: Vec<String>,
    /// A whole percentage an attribute, item by item: what the chooser colours by.
    percent: Vec<Vec<u8>>,
    rows: Vec<Vec<String>>,
}

/// A user.
#[derive(Serialize)]
pub struct Study<'a> {
    title: String,
    history: Vec<&'a str>,
    earlier: usize,
    next: Option<(&'a str, usize)>,
    best: Vec<Article<'a>>,
}

/// One a run that has attributes or a map.
pub fn view(told: &[Told], names: Names) -> Vec<Items> {
    let all = told.iter().enumerate();
    let items = all.map(|(run, one)| Items {
        title: names.letter(run),
        attributes: (one.report.attributes.iter())
            .flat_map(|found| found.attributes.iter().map(attribute))
            .collect(),
        map: one.report.map.as_ref().map(picture),
    });
    items
        .filter(|items| items.map.is_some() || !items.attributes.is_empty())
        .collect()
}

fn attribute(of: &Distribution) -> Attribute {
    let titles = |items: &[lapidary_core::report::Named]| -> Vec<String> {
        items.iter().map(|item| item.title.clone()).collect()
    };
    let [low, .., high] = of.quartiles;
    let name = plain(&of.name);
    Attribute {
        about: format!(
            "Histogram of the items' scores on {name}: from {} to {}, median {}",
            words::figure(low),
            words::figure(high),
            words::figure(of.quartiles[2])
        ),
        name,
        description: of.description.clone(),
        heights: heights(&of.counts),
        ends: [low, high].map(words::figure),
        quartiles: of.quartiles.map(words::figure).to_vec(),
        mean: words::figure(of.mean),
        sd: words::figure(of.sd),
        highest: titles(&of.highest),
        lowest: titles(&of.lowest),
    }
}

fn picture(map: &Map) -> Picture {
    let percent = |n: usize, column: usize| map.points[n].percent.get(column).copied();
    let points = map.points.iter().enumerate().map(|(n, point)| {
        let colour = percent(n, 0).unwrap_or(50.0);
        ([point.x, point.y], colour, point.title.as_str())
    });
    let rounded = |values: &[f64]| values.iter().map(|p| p.round() as u8).collect();
    let row = |point: &lapidary_core::report::Point| {
        let mut cells = vec![
            point.title.clone(),
            words::figure(point.x),
            words::figure(point.y),
        ];
        cells.extend(point.percent.iter().map(|p| format!("{p:.0}")));
        cells
    };
    Picture {
        dots: dots(points),
        items: words::whole(map.items),
        drawn: words::whole(map.points.len()),
        all: map.points.len() == map.items,
        variance: map.variance.map(words::percent),
        attributes: map.attributes.iter().map(|name| plain(name)).collect(),
        percent: map.points.iter().map(|p| rounded(&p.percent)).collect(),
        rows: map.points.iter().take(ROWS).map(row).collect(),
    }
}

/// The case studies of all runs.
pub fn studies(told: &[Told], names: Names) -> Vec<Study<'_>> {
    let all = told.iter().enumerate();
    let studies = all.flat_map(|(run, one)| one.cases.iter().map(move |case| (run, case)));
    studies
        .map(|(run, case)| study(case, names.of(run, &case.user)))
        .collect()
}

fn study(case: &CaseStudy, title: String) -> Study<'_> {
    let best = case.recommendations.iter();
    Study {
        title,
        history: case
            .history
            .iter()
            .map(|item| item.title.as_str())
            .collect(),
        earlier: case.history_length - case.history.len(),
        next: case
            .next
            .as_ref()
            .map(|next| (next.item.title.as_str(), next.place)),
        best: best.map(|told| article(&case.attributes, told)).collect(),
    }
}
