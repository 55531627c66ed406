//! What to import and how: `configs/datasets/NAME.toml`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::values::TimeUnit;
use crate::data::date::Moment;
use crate::error::{Error, Result};
use crate::settings::refuse;
use crate::toml_file::{self, Problem, Whole};

/// A description of a data set to import. Unknown keys are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImportSpec {
    /// Name for people; the TOML file's name without one.
    pub name: String,
    /// Format of the source.
    pub format: Format,
    /// Folder of the source. The files are found in it, or named by `interactions` and `items`.
    pub path: Option<PathBuf>,
    /// Files with interactions, in `path` where that is set. Paths in a TOML file are relative to that file.
    #[serde(deserialize_with = "one_or_many")]
    pub interactions: Vec<PathBuf>,
    /// Files with item text.
    #[serde(deserialize_with = "one_or_many")]
    pub items: Vec<PathBuf>,
    /// Where a user gets the source; said when it is missing.
    pub obtain: String,
    /// Leave lines out that cannot be read, and count them, instead of stopping at the first.
    pub skip_bad: bool,
    /// Columns of interactions, for `format = "table"` and `"recbole"`.
    pub columns: Columns,
    /// Which interactions to keep.
    pub filters: Filters,
    /// Columns of item text.
    pub text: TextColumns,
}

/// Formats that can be imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Found from the files.
    #[default]
    Auto,
    /// `interactions.tsv` with a header `user_id item_id rating timestamp`, and `items.jsonl`.
    Canonical,
    /// MovieLens and those who follow it: `ratings.dat`, `u.data` or `ratings.csv`, and the film files beside.
    Movielens,
    /// RecBole's atomic files: `.inter` and `.item`.
    Recbole,
    /// Amazon reviews of 2014, 2018 and 2023: reviews and metadata as JSON lines.
    Amazon,
    /// Any TSV, CSV or Parquet file, with a column map.
    Table,
}

impl Format {
    /// All formats, as they are written.
    pub const NAMES: [&str; 6] = [
        "auto",
        "canonical",
        "movielens",
        "recbole",
        "amazon",
        "table",
    ];

    /// Reads a format's name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest names.
    pub fn parse(name: &str) -> Result<Self> {
        serde_json::from_value(name.into()).map_err(|_| Error::unknown("format", name, Self::NAMES))
    }

    /// The format's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Canonical => "canonical",
            Self::Movielens => "movielens",
            Self::Recbole => "recbole",
            Self::Amazon => "amazon",
            Self::Table => "table",
        }
    }
}

/// A column by its name in the header, or by its place from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// Place from 1.
    Place(usize),
    /// Name in the header.
    Name(String),
}

impl From<&str> for Column {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// Where a table holds users, items, ratings and times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The user's identifier.
    pub user: Option<Column>,
    /// The item's identifier.
    pub item: Option<Column>,
    /// The rating; without one, every interaction is unrated.
    pub rating: Option<Column>,
    /// The time; without one, the file's order is the order in time.
    pub time: Option<Column>,
    /// How times are written.
    pub time_unit: TimeUnit,
    /// What stands between two fields; without one, found from the file's name or first line.
    pub separator: Option<String>,
    /// Whether the first line names the columns; without it, it does if columns are given by name.
    pub header: Option<bool>,
}

/// Which interactions to keep: ratings and dates first, then duplicates, then the k-core.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filters {
    /// Smallest rating to keep; interactions without a rating are dropped then.
    pub min_rating: Option<f32>,
    /// Drop users and items with fewer interactions, again and again, until none is left.
    pub k_core: Option<u32>,
    /// What to do with several interactions of a user with one item.
    pub duplicates: Duplicates,
    /// Keep interactions from this moment on.
    pub from: Option<Moment>,
    /// Keep interactions before this moment.
    pub until: Option<Moment>,
}

/// What to do with several interactions of a user with one item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// Keep all.
    #[default]
    Keep,
    /// Keep the oldest.
    First,
    /// Keep the newest.
    Last,
}

/// Where item files hold what. `id`, `title`, `year` and `categories` are for `format = "table"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextColumns {
    /// The item's identifier.
    pub id: Option<Column>,
    /// Title or name.
    pub title: Option<Column>,
    /// Year.
    pub year: Option<Column>,
    /// Categories or genres.
    pub categories: Option<Column>,
    /// What stands between two categories in one field; `|` without it.
    pub category_separator: Option<String>,
    /// Further fields to keep; without it, all.
    pub fields: Option<Vec<String>>,
}

impl ImportSpec {
    /// Reads a TOML file; its paths are relative to it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Setting`] that tells all problems with their lines, and the nearest name of an unknown key.
    pub fn from_toml(path: &Path) -> Result<Self> {
        let mut spec: Self = toml_file::read_checked(path, |text, spec: &Self, whole| {
            let problems = spec.problems(whole).into_iter();
            problems
                .map(|(key, reason)| Problem::of_key(text, key, reason))
                .collect()
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        match &mut spec.path {
            Some(source) => *source = folder.join(&*source),
            None => {
                let files = spec.interactions.iter_mut().chain(&mut spec.items);
                files.for_each(|file| *file = folder.join(&*file));
            }
        }
        if spec.name.is_empty() {
            spec.name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
        }
        Ok(spec)
    }

    /// Checks what can be checked without the files. `place` names the settings in messages.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self, place: &str) -> Result<()> {
        let problems = self.problems(true).into_iter();
        let problems: Vec<String> = problems
            .map(|(key, reason)| format!("`{key}`: {reason}"))
            .collect();
        refuse(place, &problems)
    }

    /// Keys whose values cannot be used, and why; those that do not fit the others only where `whole` says that all are there.
    fn problems(&self, whole: Whole) -> Vec<(&'static str, &'static str)> {
        let filters = &self.filters;
        let later = |(from, until): (Moment, Moment)| from >= until;
        let mapped = self.columns != Columns::default();
        let table = self.format == Format::Table;
        let text = TextColumns {
            fields: None,
            ..self.text.clone()
        };
        let problems = [
            (
                whole && self.path.is_none() && self.interactions.is_empty(),
                "path",
                "the source's folder is missing; or name its files as `interactions`",
            ),
            (
                filters.min_rating.is_some_and(f32::is_nan),
                "filters.min_rating",
                "is not a number",
            ),
            (
                filters.from.zip(filters.until).is_some_and(later),
                "filters.until",
                "is not after `from`",
            ),
            (
                whole && mapped && !table && self.format != Format::Recbole,
                "columns",
                "a column map needs `format = \"table\"` or `\"recbole\"`; the columns of other formats are known",
            ),
            (
                whole && !table && text != TextColumns::default(),
                "text",
                "for this format only `fields` can be set; a column map needs `format = \"table\"`",
            ),
            (
                whole && table && (self.columns.user.is_none() || self.columns.item.is_none()),
                "columns",
                "`user` and `item` are needed for `format = \"table\"`",
            ),
        ];
        let wrong = problems.into_iter().filter(|(wrong, ..)| *wrong);
        wrong.map(|(_, key, reason)| (key, reason)).collect()
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Paths {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match Paths::deserialize(from)? {
        Paths::One(path) => vec![path],
        Paths::Many(paths) => paths,
    })
}
