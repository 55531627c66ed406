//! `lapidary recommend`

use serde::Serialize;

use crate::args::Recommend;
use crate::asking::{Asking, Head};
use crate::failure::Failure;
use crate::{output, signals};

/// `lapidary recommend --json`
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    items: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    rank: usize,
    item: String,
    title: String,
    score: f32,
}

/// Prints the best items that the user does not have.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Recommend) -> Result<(), Failure> {
    signals::listen()?;
    let asking = Asking::open(&command.ask)?;
    let best = (asking.recommender()).recommend(asking.query()?, command.k, &asking.steer)?;
    let row = |(place, best): (usize, &lapidary_core::pipeline::Recommended)| {
        let (item, title) = asking.named(best.item)?;
        Ok(Row {
            rank: place + 1,
            item,
            title,
            score: best.score,
        })
    };
    let items: Vec<Row> = (best.iter().enumerate())
        .map(row)
        .collect::<Result<_, Failure>>()?;
    asking.remark();
    if command.ask.json {
        let head = asking.head();
        return output::print_json(&Answer { head, items });
    }
    let cells = |row: &Row| {
        let place = format!("{:>4}", row.rank);
        let score = format!("{:>+8.3}", row.score);
        [place, score, row.item.clone(), row.title.clone()]
    };
    let rows: Vec<[String; 4]> = items.iter().map(cells).collect();
    let table = output::columns(&rows);
    output::print(&format!("{}\n{table}", asking.heading()))
}
