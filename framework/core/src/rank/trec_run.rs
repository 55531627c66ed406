//! Rankings of other systems, from their TREC run files.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use tch::Tensor;

use super::scorer::{Query, Scorer};
use super::trec::{Names, query_names, word};
use crate::data::{Case, Split};
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::{interrupt, suggest};

/// The items that a file lists for one query, with their scores.
type List = BTreeMap<u32, f32>;

/// A part of a line, or what to say of it.
type Told<T> = std::result::Result<T, String>;

/// A run file: for each query a list of items with scores. As for other readers of such files the scores alone order a
/// list, here as f32, so that closer ones tie; the column of ranks is not looked at. Queries and items are named as
/// [`super::trec::write_run`] names them.
#[derive(Debug)]
pub struct TrecRun {
    path: PathBuf,
    name: String,
    content: Fingerprint,
    n_items: usize,
    lists: HashMap<String, List>,
}

impl TrecRun {
    /// Reads a file with lists for users of a split.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Interrupted`]; [`Error::Data`], with the line where it is one, when the file is empty or
    /// no text, when a line has not six fields, a score is no finite number, the split lacks a user or an
    /// item, or a query lists an item twice.
    pub fn read(path: &Path, split: &Split, names: &dyn Names) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            let before = bytes.iter().take(e.valid_up_to());
            let line = before.filter(|byte| **byte == b'\n').count() as u64 + 1;
            Error::data(path, Some(line), "is no text; unpack a packed file first")
        })?;
        let users = numbered(path, "users", split.sequences.users(), |u| names.user(u))?;
        let items = numbered(path, "items", split.n_items, |i| names.item(i))?;
        let mut lists: HashMap<String, List> = HashMap::new();
        for (text, line) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
            interrupt::check()?;
            if text.trim().is_empty() {
                continue;
            }
            let wrong = |reason: String| Error::data(path, Some(line), reason);
            let Entry { query, item, score } = Entry::of(text).map_err(wrong)?;
            if !lists.contains_key(query) {
                check_query(query, &users).map_err(wrong)?;
                lists.insert(query.to_owned(), List::new());
            }
            let number = *known("item", item, &items).map_err(wrong)?;
            let list = lists.get_mut(query);
            if list.is_some_and(|list| list.insert(number, score).is_some()) {
                let reason = format!("item `{item}` is listed twice for query `{query}`");
                return Err(wrong(reason));
            }
        }
        if lists.is_empty() {
            return Err(Error::data(path, None, format!("is empty; {FORM}")));
        }
        let stem = path.file_stem().unwrap_or_default();
        Ok(Self {
            path: path.to_path_buf(),
            name: stem.to_string_lossy().into_owned(),
            content: Fingerprint::of_bytes(&bytes),
            n_items: split.n_items,
            lists,
        })
    }

    /// The file's name without its folder and ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fingerprint of the file's bytes.
    pub fn content(&self) -> &Fingerprint {
        &self.content
    }

    /// Its lists for these cases, as a scorer; items that a list leaves out get the score `unlisted`.
    ///
    /// # Errors
    /// [`Error::Data`] when a case has no list: it would count as a ranking that finds nothing.
    pub fn of_cases(&self, cases: &[Case], names: &dyn Names, unlisted: f32) -> Result<Listed<'_>> {
        let (mut lists, mut missing) = (HashMap::new(), Vec::new());
        for (case, query) in cases.iter().zip(query_names(cases, names)?) {
            if let Some(list) = self.lists.get(&query) {
                lists.insert((case.user, case.end), list);
            } else {
                missing.push(query);
            }
        }
        if let Some(first) = missing.first() {
            let reason = format!(
                "has no list for {} of the {} cases, such as query `{first}`; queries are named as in the files of \
                 `evaluation:export`",
                missing.len(),
                cases.len()
            );
            return Err(Error::data(&self.path, None, reason));
        }
        Ok(Listed {
            n_items: self.n_items,
            lists,
            unlisted,
        })
    }
}

/// How a line of a run file looks.
const FORM: &str = "each line has six fields, `query Q0 item rank score tag`";

/// What counts of a line.
struct Entry<'a> {
    query: &'a str,
    item: &'a str,
    score: f32,
}

impl<'a> Entry<'a> {
    fn of(line: &'a str) -> Told<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [query, _, item, _, score, _] = fields[..] else {
            return Err(format!("has {} fields; {FORM}", fields.len()));
        };
        let number = score.parse().ok().filter(|score: &f32| score.is_finite());
        let score = number.ok_or_else(|| format!("the score `{score}` is no finite number"))?;
        Ok(Self { query, item, score })
    }
}

/// Users or items by name, as the files write it.
fn numbered(
    path: &Path,
    what: &str,
    n: usize,
    name: impl Fn(u32) -> Result<String>,
) -> Result<HashMap<String, u32>> {
    let mut numbers = HashMap::with_capacity(n);
    for number in 0..n as u32 {
        let name = word(&name(number)?);
        if numbers.contains_key(&name) {
            let reason = format!(
                "cannot be read: two {what} of the data set are both `{name}` in a file without white space in names"
            );
            return Err(Error::data(path, None, reason));
        }
        numbers.insert(name, number);
    }
    Ok(numbers)
}

/// What a name stands for, or what to say of it.
fn known<'a>(what: &str, name: &str, all: &'a HashMap<String, u32>) -> Told<&'a u32> {
    all.get(name).ok_or_else(|| {
        let names: Vec<&String> = all.keys().collect();
        match (suggest::nearest(name, &names), names.iter().min()) {
            (near, Some(example)) if near.is_empty() => {
                format!("unknown {what} `{name}`; the data set's are named like `{example}`")
            }
            (near, _) => format!("unknown {what} `{name}`{}", suggest::phrase(&near, &[])),
        }
    })
}

/// A query is a user, or a user and the length of a history.
fn check_query(query: &str, users: &HashMap<String, u32>) -> Told<()> {
    let of_case = query.rsplit_once(':');
    let user = match of_case.filter(|(_, end)| end.parse::<u32>().is_ok()) {
        Some((user, _)) if !users.contains_key(query) => user,
        _ => query,
    };
    known("user", user, users).map(drop)
}

/// The lists of a run file for some cases.
#[derive(Debug)]
pub struct Listed<'a> {
    n_items: usize,
    /// By user and length of history.
    lists: HashMap<(u32, u32), &'a List>,
    unlisted: f32,
}

impl Scorer for Listed<'_> {
    fn n_items(&self) -> i64 {
        self.n_items as i64
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let mut scores = vec![self.unlisted; queries.len() * self.n_items];
        for (row, query) in scores.chunks_mut(self.n_items.max(1)).zip(queries) {
            let case = query.user.map(|user| (user, query.history.len() as u32));
            let list = case.and_then(|case| self.lists.get(&case));
            let list = list.ok_or_else(|| {
                Error::setting("run file", "lists are there for the evaluated cases alone")
            })?;
            for (&item, &score) in *list {
                row[item as usize] = score;
            }
        }
        let size = [queries.len() as i64, self.n_items()];
        Ok(Tensor::f_from_slice(&scores)?.f_view(size)?)
    }
}

#[cfg(test)]
#[path = "trec_run_test.rs"]
mod tests;
