//! Reasons as a page: one file, no script, nothing loaded.

use minijinja::context;
use serde::Serialize;

use super::{Told, plain, standing};
use crate::asking::Asking;
use crate::drawing;
use crate::drawing::bars::Bar;
use crate::drawing::radar::{Radar, Standing, is_numbered};
use crate::failure::Failure;

const PAGE: (&str, &str) = ("page.html", include_str!("page.html"));

/// One item and why.
#[derive(Serialize)]
pub struct Article<'a> {
    place: usize,
    item: &'a str,
    title: &'a str,
    score: String,
    rest: String,
    sentences: &'a [String],
    radar: Option<Radar>,
    bars: Vec<Row>,
    history: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Row {
    /// Its spoke's number, where spokes have numbers.
    number: Option<usize>,
    name: String,
    value: String,
    bar: Bar,
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
    let (heading, version) = (asking.heading(), env!("CARGO_PKG_VERSION"));
    drawing::page(&[PAGE], context! { heading, articles, version })
}

/// One item's part of a page.
pub fn article<'a>(attributes: &[String], told: &'a Told) -> Article<'a> {
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
    let bars = told.parts.iter().map(|part| Row {
        number: place(&part.attribute).filter(|_| numbered).map(|k| k + 1),
        name: plain(&part.attribute),
        value: format!("{:+.2}", part.value),
        bar: Bar::of(part.value, largest),
        item: words(part.words, part.percent),
        user: words(part.user_words, part.user_percent),
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
