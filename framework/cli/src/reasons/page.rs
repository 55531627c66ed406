//! Reasons as a page: one file, no script, nothing loaded.

use minijinja::{Environment, context};
use serde::Serialize;

use super::radar::{Radar, Standing, is_numbered};
use super::{Told, plain, standing};
use crate::asking::Asking;
use crate::failure::Failure;

/// Its name ends in `.html`, so that all text is escaped.
const PAGE: (&str, &str) = ("page.html", include_str!("page.html"));
/// Half the width of the bars' picture.
const HALF: f64 = 100.0;

#[derive(Serialize)]
struct Article<'a> {
    place: usize,
    item: &'a str,
    title: &'a str,
    score: String,
    rest: String,
    sentences: &'a [String],
    radar: Option<Radar>,
    bars: Vec<Bar>,
    history: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Bar {
    /// Its spoke's number, where spokes have numbers.
    number: Option<usize>,
    name: String,
    value: String,
    negative: bool,
    x: f64,
    width: f64,
    item: Option<String>,
    user: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    attribute: String,
    had: Vec<(&'a str, String)>,
}

/// The whole page.
///
/// # Errors
/// When the template cannot be filled, which is a fault of the program.
pub fn render(asking: &Asking, told: &[Told]) -> Result<String, Failure> {
    let attributes = &asking.recommender().attributes;
    let articles: Vec<Article> = told.iter().map(|one| article(attributes, one)).collect();
    fill(&asking.heading(), &articles)
}

fn fill(heading: &str, articles: &[Article]) -> Result<String, Failure> {
    let fault = |error: minijinja::Error| Failure::failed(format!("page: {error:#}"));
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_template(PAGE.0, PAGE.1).map_err(fault)?;
    let template = environment.get_template(PAGE.0).map_err(fault)?;
    let version = env!("CARGO_PKG_VERSION");
    template
        .render(context! { heading, articles, version })
        .map_err(fault)
}

fn article<'a>(attributes: &[String], told: &'a Told) -> Article<'a> {
    let place = |name: &String| attributes.iter().position(|a| a == name);
    let standings: Vec<Standing> = (attributes.iter())
        .filter_map(|name| told.parts.iter().find(|part| part.attribute == *name))
        .map(|part| Standing {
            attribute: &part.attribute,
            user: part.user_percent.unwrap_or(50.0),
            item: part.percent.unwrap_or(50.0),
        })
        .collect();
    let largest = told.largest();
    let numbered = is_numbered(attributes.len());
    let bars = told.parts.iter().map(|part| Bar {
        number: place(&part.attribute).filter(|_| numbered).map(|k| k + 1),
        item: words(part.words, part.percent),
        user: words(part.user_words, part.user_percent),
        ..bar(plain(&part.attribute), part.value, largest)
    });
    Article {
        place: told.place,
        item: &told.item,
        title: &told.title,
        score: format!("{:+.2}", told.score),
        rest: format!("{:+.2}", told.rest),
        sentences: &told.sentences,
        radar: Radar::of(&standings),
        bars: bars.collect(),
        history: history(told),
    }
}

fn history(told: &Told) -> Vec<Line<'_>> {
    let lines = told
        .history
        .iter()
        .filter(|shaped| !shaped.items.is_empty());
    lines
        .map(|shaped| Line {
            attribute: plain(&shaped.attribute),
            had: (shaped.items.iter())
                .map(|had| (had.title.as_str(), standing(had.percent)))
                .collect(),
        })
        .collect()
}

fn words(words: Option<&str>, percent: Option<f64>) -> Option<String> {
    Some(format!("{} ({:.0} %)", words?, percent?))
}

fn bar(name: String, value: f64, largest: f64) -> Bar {
    let share = if largest > 0.0 { value / largest } else { 0.0 };
    let width = (share.abs() * HALF * 10.0).round() / 10.0;
    Bar {
        number: None,
        name,
        value: format!("{value:+.2}"),
        negative: value < 0.0,
        x: if value < 0.0 { -width } else { 0.0 },
        width,
        item: None,
        user: None,
    }
}
