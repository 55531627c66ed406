//! TREC run and qrels files, which other evaluation tools read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::lists::TopLists;
use super::ranking::Ranking;
use crate::data::Case;
use crate::error::{Error, Result};
use crate::files;

/// Names of users and items in the files.
pub trait Names {
    /// The user's name: no white space.
    ///
    /// # Errors
    /// When the number is unknown.
    fn user(&self, user: u32) -> Result<String>;
    /// The item's name: no white space.
    ///
    /// # Errors
    /// When the number is unknown.
    fn item(&self, item: u32) -> Result<String>;
}

/// Users and items by number.
#[derive(Clone, Copy, Debug)]
pub struct Numbers;

impl Names for Numbers {
    fn user(&self, user: u32) -> Result<String> {
        Ok(user.to_string())
    }

    fn item(&self, item: u32) -> Result<String> {
        Ok(item.to_string())
    }
}

impl Names for crate::data::Dataset {
    fn user(&self, user: u32) -> Result<String> {
        self.user_id(user)
    }

    fn item(&self, item: u32) -> Result<String> {
        self.item_id(item)
    }
}

/// Writes the lists as a run file: `query Q0 item rank score tag`. Tools order a list by its scores and break ties by
/// their own rules, so their figures differ from ours where scores tie.
///
/// # Errors
/// [`Error::Setting`] when `lists` are not of this ranking, [`Error::Io`] when the file cannot be written.
pub fn write_run(
    path: &Path,
    ranking: &Ranking,
    lists: &TopLists,
    names: &dyn Names,
    tag: &str,
) -> Result<()> {
    if lists.len() != ranking.cases.len() {
        return Err(Error::setting(
            "run file",
            "the lists are of another ranking; rank with lists",
        ));
    }
    let queries = query_names(&ranking.cases, names)?;
    let tag = word(tag);
    write(path, |out| {
        for (case, query) in queries.iter().enumerate() {
            let (items, scores) = lists.of(case);
            for (place, (&item, score)) in items.iter().zip(scores).enumerate() {
                let item = word(&names.item(item)?);
                writeln!(out, "{query} Q0 {item} {} {score} {tag}", place + 1)
                    .map_err(Error::io(path))?;
            }
        }
        Ok(())
    })
}

/// Writes the targets as a qrels file: `query 0 item 1`.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written.
pub fn write_qrels(path: &Path, ranking: &Ranking, names: &dyn Names) -> Result<()> {
    let queries = query_names(&ranking.cases, names)?;
    write(path, |out| {
        for (query, &target) in queries.iter().zip(&ranking.targets) {
            let item = word(&names.item(target)?);
            writeln!(out, "{query} 0 {item} 1").map_err(Error::io(path))?;
        }
        Ok(())
    })
}

/// A query is named by its user; where a user has several cases, by user and length of history.
pub(super) fn query_names(cases: &[Case], names: &dyn Names) -> Result<Vec<String>> {
    let mut users: Vec<u32> = cases.iter().map(|c| c.user).collect();
    users.sort_unstable();
    let once = users.windows(2).all(|pair| pair[0] != pair[1]);
    cases
        .iter()
        .map(|case| {
            let user = word(&names.user(case.user)?);
            Ok(match once {
                true => user,
                false => format!("{user}:{}", case.end),
            })
        })
        .collect()
}

/// The formats separate columns by white space.
pub(super) fn word(text: &str) -> String {
    match text.is_empty() {
        true => "_".to_owned(),
        false => text.replace(char::is_whitespace, "_"),
    }
}

fn write(path: &Path, body: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    files::replace(path, |new| {
        let mut out = BufWriter::new(File::create(new).map_err(Error::io(new))?);
        body(&mut out)?;
        out.flush().map_err(Error::io(path))
    })
}
