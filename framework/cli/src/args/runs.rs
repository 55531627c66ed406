//! `lapidary runs`

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::Keep;

/// Where runs are looked for.
#[derive(Args, Debug)]
pub struct Among {
    /// Folder in which runs are looked for. `last` is the latest there, the first that `lapidary runs` lists, `last~1` the one
    /// before it; `base@last` is the latest of `base.lua`.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
}

/// `lapidary runs`
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Runs {
    /// What to do; `list` where nothing is said.
    #[command(subcommand)]
    pub what: Option<RunsCommand>,
    #[command(flatten)]
    pub of: Of,
}

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List runs, the latest first: how they ended, with which settings and figures.
    List(List),
    /// Show a run in detail.
    Show(Named),
    /// Show in which settings runs differ, and their figures side by side.
    Compare(Compare),
    /// Remove the folders of runs: those that are named, a sweep with the runs that it started, or all of a sort. What they
    /// computed stays in the store until `gc`.
    Rm(Remove),
    /// Remove from the store what no run refers to.
    Gc(Collect),
}

/// `lapidary runs list`
#[derive(Args, Debug)]
pub struct List {
    /// Only runs whose names begin so, such as those of a script.
    #[arg(value_name = "BEGINNING")]
    pub beginning: Option<String>,
    #[command(flatten)]
    pub of: Of,
}

/// Which runs are listed, and how.
#[derive(Args, Debug)]
pub struct Of {
    /// Show so many, the latest; without it 20, or all as JSON.
    #[arg(short, value_name = "N", value_parser = super::count)]
    pub n: Option<usize>,
    #[command(flatten)]
    pub among: Among,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary runs show`
#[derive(Args, Debug)]
pub struct Named {
    /// The run: its folder, its name, the beginning of its name, or `last`.
    pub run: PathBuf,
    #[command(flatten)]
    pub among: Among,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary runs compare`
#[derive(Args, Debug)]
pub struct Compare {
    /// The runs, by their folders, names, the beginnings of their names, or `last`; the first is what the others are held
    /// against.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    pub of: Vec<PathBuf>,
    #[command(flatten)]
    pub among: Among,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary runs rm`
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).multiple(true).args(["of", "dry", "failed", "older_than"])))]
pub struct Remove {
    /// The runs, by their folders, names, the beginnings of their names, or `last`; with a sweep go the runs that it started.
    #[arg(value_name = "RUN", conflicts_with_all = ["dry", "failed", "older_than"])]
    pub of: Vec<PathBuf>,
    /// All dry runs. Where several of this option and the next two are given, only runs to which all apply. Runs that go on
    /// stay.
    #[arg(long)]
    pub dry: bool,
    /// All runs that failed, were killed or were interrupted.
    #[arg(long)]
    pub failed: bool,
    /// All runs that began more than so many days ago.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub older_than: Option<u32>,
    /// Only tell what would be removed.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub among: Among,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary runs gc`
#[derive(Args, Debug)]
pub struct Collect {
    /// Only tell what would be removed.
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove imported data sets that no run refers to.
    #[arg(long)]
    pub datasets: bool,
    /// Also remove all answers of language models; asking again costs time, or money.
    #[arg(long)]
    pub answers: bool,
    /// Folder of runs, besides those known to have used the store; may be repeated.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: Vec<PathBuf>,
    #[command(flatten)]
    pub keep: Keep,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
