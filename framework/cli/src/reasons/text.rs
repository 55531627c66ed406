//! Reasons on a terminal.

use lapidary_core::pipeline::Reason;

use super::{Shaped, Told, plain, standing};
use crate::output;

/// Longest bar, in letters.
const BAR: f64 = 24.0;

/// All of them.
pub fn render(heading: &str, told: &[Told]) -> String {
    let mut text = format!("{heading}\n");
    if told.is_empty() {
        text += "\nnothing is left to recommend: the user has every item\n";
    }
    for one in told {
        text += &format!("\n{}", item(one));
    }
    text
}

fn item(told: &Told) -> String {
    let mut text = format!(
        "{}. {} [{}], score {:+.2}\n",
        told.place, told.title, told.item, told.score
    );
    for sentence in &told.sentences {
        text += &format!("  {sentence}\n");
    }
    let largest = told.largest();
    let row = |name: &str, value: f64, bar: String, words: String| {
        [format!("    {name}"), format!("{value:>+8.3}"), bar, words]
    };
    let part = |part: &Reason| {
        let bar = bar(part.value, largest);
        row(&plain(&part.attribute), part.value, bar, words(part))
    };
    let mut rows: Vec<[String; 4]> = told.parts.iter().map(part).collect();
    rows.push(row("all else", told.rest, String::new(), String::new()));
    text += &output::columns(&rows);
    let history: Vec<(String, String)> = told.history.iter().filter_map(had).collect();
    if !history.is_empty() {
        text += "  In the user's history:\n";
        text += &output::pairs("    ", &history);
    }
    text
}

fn words(part: &Reason) -> String {
    let side = |who: &str, words: Option<&str>, percent: Option<f64>| {
        let (words, percent) = (words?, percent?);
        Some(format!("{who} {words} ({percent:.0} %)"))
    };
    let item = side("item", part.words, part.percent);
    let user = side("user", part.user_words, part.user_percent);
    item.into_iter().chain(user).collect::<Vec<_>>().join(", ")
}

fn bar(value: f64, largest: f64) -> String {
    let length = match largest > 0.0 {
        true => (BAR * value.abs() / largest).round() as usize,
        false => 0,
    };
    let letter = if value < 0.0 { "-" } else { "#" };
    letter.repeat(length)
}

fn had(shaped: &Shaped) -> Option<(String, String)> {
    let items = shaped.items.iter();
    let items = items.map(|had| format!("{}, {}", had.title, standing(had.percent)));
    let items: Vec<String> = items.collect();
    (!items.is_empty()).then(|| (plain(&shaped.attribute), items.join("; ")))
}
