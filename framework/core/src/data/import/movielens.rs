//! MovieLens in all its editions, and data sets that follow it, such as MovieTweetings.
//!
//! `ratings.dat` and `movies.dat` separate by `::`; `u.data` by tabs and `u.item` by bars; `ratings.csv` and `movies.csv`
//! are CSV. The older film files are in Latin-1.

use std::path::Path;

use csv::ByteRecord;
use serde_json::Value;

use super::bad::{LineError, LineResult};
use super::dialect::Dialect;
use super::reader::{Lines, Meter};
use super::table::{self, Layout, Table, field};
use super::values::{text_or_latin1, title_and_year};
use super::{Job, Texts};
use crate::data::ItemText;
use crate::error::Result;

/// The genres of `u.item`, one flag each.
const GENRES: [&str; 19] = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
];

/// Reads a file of ratings.
pub(super) fn interactions(job: &mut Job, path: &Path) -> Result<()> {
    let first = first_line(path, &job.meter)?;
    let layout = if first.contains("::") {
        Layout::in_order("::")
    } else if first.contains('\t') {
        Layout::in_order("\t")
    } else {
        Layout::named(
            Dialect::new(",", true),
            ["userId", "movieId", "rating", "timestamp"],
        )
    };
    table::interactions(job, path, &layout)
}

/// Reads a file of films.
pub(super) fn items(texts: &mut Texts<'_>, path: &Path) -> Result<()> {
    let first = first_line(path, &texts.meter)?;
    // The bars of `movies.dat` stand between genres.
    let (dialect, read): (_, fn(&ByteRecord) -> _) = if first.contains("::") {
        (Dialect::new("::", false), |r| film(r, 2))
    } else if first.contains('|') && !first.contains(',') || first.matches('|').count() > 20 {
        (Dialect::new("|", false), film_with_flags)
    } else {
        (Dialect::new(",", true), |r| film(r, 2))
    };
    let mut table = Table::open(path, &dialect, None, &texts.meter)?;
    while let Some((line, record)) = table.next()? {
        let outcome: LineResult<ItemText> = record.and_then(read);
        texts
            .bad
            .note(path, line, outcome.map(|item| texts.catalogue.put(item)))?;
    }
    Ok(())
}

fn first_line(path: &Path, meter: &Meter) -> Result<String> {
    let mut lines = Lines::open(path, meter)?;
    Ok(lines
        .next()?
        .map(|(_, line)| text_or_latin1(line).into_owned())
        .unwrap_or_default())
}

fn titled(record: &ByteRecord) -> LineResult<ItemText> {
    let id = text_or_latin1(field(record, 0)?);
    if id.is_empty() {
        return Err(LineError::bare("the film's identifier is missing"));
    }
    let mut item = ItemText::unknown(id);
    let whole = text_or_latin1(field(record, 1)?);
    let (title, year) = title_and_year(&whole);
    item.title = Some(title.to_owned()).filter(|t| !t.is_empty());
    item.year = year;
    Ok(item)
}

fn film(record: &ByteRecord, genres: usize) -> LineResult<ItemText> {
    let mut item = titled(record)?;
    let genres = text_or_latin1(field(record, genres)?);
    let named = genres
        .split('|')
        .map(str::trim)
        .filter(|g| !g.is_empty() && *g != "(no genres listed)");
    item.categories = named.map(str::to_owned).collect();
    Ok(item)
}

fn film_with_flags(record: &ByteRecord) -> LineResult<ItemText> {
    let mut item = titled(record)?;
    for (name, place) in [
        ("release_date", 2),
        ("video_release_date", 3),
        ("imdb_url", 4),
    ] {
        let text = text_or_latin1(field(record, place)?);
        if !text.is_empty() {
            item.fields
                .insert(name.to_owned(), Value::String(text.into_owned()));
        }
    }
    for (place, genre) in (5..).zip(GENRES) {
        match field(record, place)? {
            b"1" => item.categories.push(genre.to_owned()),
            b"0" => {}
            other => {
                let found = text_or_latin1(other);
                return Err(LineError::new("a genre is flagged neither 0 nor 1", &found));
            }
        }
    }
    Ok(item)
}
