//! Finding the files of a source and its format.

use std::path::{Path, PathBuf};

use super::dialect::is_parquet;
use super::reader::{Lines, Meter};
use super::spec::{Format, ImportSpec};
use crate::error::{Error, Result};
use crate::suggest;

/// The files of a source.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::data) struct Sources {
    pub format: Format,
    pub interactions: Vec<PathBuf>,
    pub items: Vec<PathBuf>,
}

impl Sources {
    /// All files, interactions first.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.interactions.iter().chain(&self.items)
    }
}

impl ImportSpec {
    /// The files that importing reads; where they cannot all be found, what the description names, whether or not it is there.
    pub fn files(&self) -> Vec<PathBuf> {
        if let Ok(found) = sources(self) {
            return found.files().cloned().collect();
        }
        let base = self.path.as_deref().unwrap_or(Path::new(""));
        let named = self.interactions.iter().chain(&self.items);
        let named = named.map(|file| base.join(file));
        self.path.iter().cloned().chain(named).collect()
    }
}

/// What is said of a source that is not there.
fn missing(spec: &ImportSpec, key: &str, path: &Path) -> Error {
    let near = suggest::files_like(path);
    let near = suggest::files_phrase(path, &near).map(|question| format!("; {question}"));
    let obtain = match spec.obtain.trim() {
        "" => "check the path".to_owned(),
        text => text.to_owned(),
    };
    let name = &spec.name;
    let reason = format!(
        "is not there, which `{key}` of the data set `{name}` names{}; {obtain}",
        near.unwrap_or_default()
    );
    Error::data(path, None, reason)
}

/// Finds the files that a description means, and the format where it is not told.
///
/// # Errors
/// [`Error::Data`] when a file is not there (with where to get it) or the format cannot be told.
pub(in crate::data) fn sources(spec: &ImportSpec) -> Result<Sources> {
    let there = |key: &str, path: PathBuf| match path.exists() {
        true => Ok(path),
        false => Err(missing(spec, key, &path)),
    };
    let base = spec.path.clone().map(|path| there("path", path));
    let base = base.transpose()?;
    let inside = |key: &str, files: &[PathBuf]| -> Result<Vec<PathBuf>> {
        let base = base.as_deref().unwrap_or(Path::new(""));
        let files = files.iter().map(|file| there(key, base.join(file)));
        files.collect()
    };
    let told = inside("interactions", &spec.interactions)?;
    let items = inside("items", &spec.items)?;
    let found = match (&base, told.as_slice()) {
        (Some(folder), []) if folder.is_dir() => in_folder(folder, spec.format)?,
        (Some(file), []) => of_file(file, spec.format, vec![file.clone()])?,
        (_, [first, ..]) => of_file(first, spec.format, told.clone())?,
        (None, []) => return Err(Error::setting("path", "no source is named")),
    };
    Ok(if items.is_empty() {
        found
    } else {
        Sources { items, ..found }
    })
}

fn of_file(first: &Path, format: Format, interactions: Vec<PathBuf>) -> Result<Sources> {
    let format = if format == Format::Auto {
        sniff(first)?
    } else {
        format
    };
    Ok(Sources {
        format,
        interactions,
        items: Vec::new(),
    })
}

fn in_folder(folder: &Path, format: Format) -> Result<Sources> {
    let names = names_in(folder)?;
    if format != Format::Auto {
        return find(folder, &names, format).ok_or_else(|| {
            let reason = format!(
                "holds no {}; name the files as `interactions` and `items`",
                looked_for(format)
            );
            Error::data(folder, None, reason)
        });
    }
    let known = [Format::Canonical, Format::Movielens, Format::Recbole];
    let mut found: Vec<Sources> = known
        .into_iter()
        .filter_map(|f| find(folder, &names, f))
        .collect();
    if found.is_empty() {
        found.extend(find(folder, &names, Format::Amazon));
    }
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (Some(a), Some(b)) => {
            let reason = format!(
                "fits the formats {} and {}; set `format`",
                b.format.name(),
                a.format.name()
            );
            Err(Error::data(folder, None, reason))
        }
        (None, _) => {
            let looked = known
                .into_iter()
                .chain([Format::Amazon])
                .map(looked_for)
                .collect::<Vec<_>>()
                .join(", ");
            let reason = format!(
                "holds none of: {looked}; set `format` and name the files as `interactions`"
            );
            Err(Error::data(folder, None, reason))
        }
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        names.push(
            entry
                .map_err(Error::io(folder))?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}

fn looked_for(format: Format) -> &'static str {
    match format {
        Format::Canonical => "interactions.tsv",
        Format::Movielens => "ratings.dat, u.data or ratings.csv",
        Format::Recbole => "single .inter file",
        Format::Amazon => "reviews as .json or .jsonl",
        Format::Auto | Format::Table => "file that can be found without its name",
    }
}

fn find(folder: &Path, names: &[String], format: Format) -> Option<Sources> {
    let plain = |name: &str| name.trim_end_matches(".gz").to_owned();
    let first = |wanted: &[&str]| -> Vec<PathBuf> {
        let found = wanted
            .iter()
            .find_map(|w| names.iter().find(|n| plain(n) == *w));
        found.map(|n| folder.join(n)).into_iter().collect()
    };
    let ending = |ends: &[&str]| -> Vec<PathBuf> {
        let fits = |n: &&String| ends.iter().any(|end| plain(n).ends_with(end));
        names.iter().filter(fits).map(|n| folder.join(n)).collect()
    };
    let (interactions, items) = match format {
        Format::Canonical => (first(&["interactions.tsv"]), first(&["items.jsonl"])),
        Format::Movielens => (
            first(&["ratings.dat", "u.data", "ratings.csv"]),
            first(&["movies.dat", "u.item", "movies.csv"]),
        ),
        Format::Recbole => (ending(&[".inter"]), ending(&[".item"])),
        Format::Amazon => {
            let is_meta = |p: &PathBuf| {
                p.file_name()
                    .is_some_and(|n| n.to_string_lossy().starts_with("meta"))
            };
            ending(&[".json", ".jsonl"])
                .into_iter()
                .partition(|p| !is_meta(p))
        }
        Format::Auto | Format::Table => return None,
    };
    let fits = !interactions.is_empty() && (format != Format::Recbole || interactions.len() == 1);
    fits.then_some(Sources {
        format,
        interactions,
        items,
    })
}

/// Tells the format of a file of interactions by its name or its first line.
fn sniff(path: &Path) -> Result<Format> {
    if is_parquet(path) {
        return Err(unclear(path));
    }
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let name = name.trim_end_matches(".gz");
    if name.ends_with(".inter") {
        return Ok(Format::Recbole);
    }
    let mut lines = Lines::open(path, &Meter::begin("look at the source", 0))?;
    let first = lines
        .next()?
        .map(|(_, line)| String::from_utf8_lossy(line).into_owned())
        .unwrap_or_default();
    match first.trim() {
        line if line.starts_with('{') => Ok(Format::Amazon),
        line if line.starts_with("user_id\titem_id") => Ok(Format::Canonical),
        line if line.starts_with("userId,movieId") => Ok(Format::Movielens),
        line if line.split("::").count() == 4 || name == "u.data" => Ok(Format::Movielens),
        _ => Err(unclear(path)),
    }
}

fn unclear(path: &Path) -> Error {
    let names = Format::NAMES[1..].join(", ");
    Error::data(
        path,
        None,
        format!("the format cannot be told; set `format` to one of {names}"),
    )
}
