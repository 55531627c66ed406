//! `lapidary export`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lapidary_core::data::CaseSet;
use lapidary_core::export::Format;

use super::{Among, Keep, Search, case_set, count};

/// `lapidary export`
#[derive(Debug, Subcommand)]
pub enum Export {
    /// Item vectors, scores of items and users, and recommendations, as tables.
    Tables(Tables),
    /// A model that serves without Lapidary: the user encoder as TorchScript, item vectors, and a loader in Python.
    Serving(Serving),
}

/// Which model of which run.
#[derive(Args, Debug)]
pub struct Which {
    /// A finished run: its folder, its name, the beginning of its name, or `last`.
    pub run: PathBuf,
    #[command(flatten)]
    pub among: Among,
    /// The folder to write into.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// The model, by the beginning of its fingerprint; without it, the run's last that has attributes.
    #[arg(long, value_name = "FINGERPRINT")]
    pub model: Option<String>,
    #[command(flatten)]
    pub search: Search,
    #[command(flatten)]
    pub keep: Keep,
}

/// `lapidary export tables`
#[derive(Args, Debug)]
pub struct Tables {
    #[command(flatten)]
    pub which: Which,
    /// parquet, csv, npy or safetensors; the last two hold numbers, and what else there is is written as CSV.
    #[arg(long, default_value = "parquet", value_parser = format)]
    pub format: Format,
    /// Recommend from what users had before the target of their `valid` or `test` case; without it, from all that they had.
    #[arg(long, value_name = "CASES", value_parser = case_set)]
    pub before: Option<CaseSet>,
    /// How many items to recommend to each user.
    #[arg(short, default_value_t = 10, value_name = "N", value_parser = count)]
    pub k: usize,
}

/// `lapidary export serving`
#[derive(Args, Debug)]
pub struct Serving {
    #[command(flatten)]
    pub which: Which,
    /// How many histories go through the encoder together; a recording has one size.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=4096))]
    pub batch: i64,
}

fn format(text: &str) -> Result<Format, String> {
    let found = Format::ALL.into_iter().find(|f| f.name() == text);
    found.ok_or_else(|| {
        lapidary_core::Error::unknown("format", text, Format::ALL.map(Format::name)).to_string()
    })
}
