//! `lapidary report`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Among, Keep, Search};

/// `lapidary report`
#[derive(Args, Debug)]
pub struct Report {
    /// The runs, by their folders, names, the beginnings of their names, or `last`; several stand side by side.
    #[arg(required = true, value_name = "RUN")]
    pub of: Vec<PathBuf>,
    #[command(flatten)]
    pub among: Among,
    /// Write it into this file, as its ending tells: .html (a page that needs no network), .md or .csv. Without it, Markdown is
    /// printed.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The form, where the file's ending does not tell.
    #[arg(long, value_enum)]
    pub format: Option<Form>,
    /// A user to show as a case study, by the data set's identifier; may be repeated. Without it, three test cases spread over
    /// the data set.
    #[arg(long, value_name = "ID")]
    pub user: Vec<String>,
    /// The model whose attributes, map and case studies are shown, by the beginning of its fingerprint; without it, each run's
    /// last that has attributes.
    #[arg(long, value_name = "FINGERPRINT")]
    pub model: Option<String>,
    #[command(flatten)]
    pub search: Search,
    #[command(flatten)]
    pub keep: Keep,
    /// Print JSON.
    #[arg(long, conflicts_with_all = ["output", "format"])]
    pub json: bool,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A page.
    Html,
    /// Markdown.
    Markdown,
    /// Comma-separated values, a number a line.
    Csv,
}

impl Form {
    /// The form that a file's ending tells.
    pub fn of(file: &Path) -> Option<Self> {
        let ending = file.extension()?.to_string_lossy().to_lowercase();
        match ending.as_str() {
            "html" | "htm" => Some(Self::Html),
            "md" | "markdown" => Some(Self::Markdown),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}
