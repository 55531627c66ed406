//! The command line.

mod check_plugin;
mod export;
mod new;
mod repl;
mod report;
mod runs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use lapidary_core::data::CaseSet;
use lapidary_sdk::Kind;

pub use check_plugin::CheckPlugin;
pub use export::{Export, Serving, Tables, Which};
pub use new::{Language, New, NewPlugin};
pub use repl::Repl;
pub use report::{Form, Report};
pub use runs::{Among, Collect, Compare, Named, Of, Remove, Runs, RunsCommand};

/// Guided embedding refinement for sequential recommenders: experiments in Lua, components as plugins, libtorch below.
#[derive(Debug, Parser)]
#[command(name = "lapidary", version, arg_required_else_help = true, after_help = AFTER)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Show no progress.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// What standard error is written as: text for people, or json, an object a line, for programs.
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub log: Log,
}

/// The form of standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Log {
    /// Text.
    Text,
    /// JSON lines.
    Json,
}

const AFTER: &str = "\
Exit codes: 0 done, 1 the run failed, 2 wrong use.
Environment: LAPIDARY_PLUGIN_PATH and LAPIDARY_MODELS (folders, separated by `:`), LAPIDARY_LOG (such as `debug`).";

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a Lua script; what it computed before is loaded, not computed again.
    Run(Run),
    /// Type Lua and see what comes of it: with history, completion and help, in the sandbox of a script.
    Repl(Repl),
    /// See what ran: list, show, compare and remove runs, and collect what none of them refers to.
    Runs(Runs),
    /// Recommend items to a user, with a model of a finished run.
    Recommend(Recommend),
    /// Explain why a model of a finished run recommends an item, attribute by attribute.
    Explain(Explain),
    /// Show what runs left: a page, Markdown or CSV, of one run or of several side by side.
    Report(Report),
    /// Write tables of a finished run, or its model for serving, for other programs.
    #[command(subcommand)]
    Export(Export),
    /// List the components of all plugins, and the files that were refused.
    Plugins(Plugins),
    /// Show a component's settings: types, defaults, ranges, help.
    Describe(Describe),
    /// Begin something of your own.
    #[command(subcommand)]
    New(New),
    /// Check that a plugin keeps what its kind promises, and say what to mend where it does not.
    CheckPlugin(CheckPlugin),
    /// Write annotations for editors: completion and checks of every function and every setting.
    Annotations(Annotations),
    /// Import and inspect data sets.
    #[command(subcommand)]
    Data(Data),
    /// Check this installation: libtorch, devices, plugins, models, places.
    Doctor(Doctor),
}

/// Where plugins are searched.
#[derive(Args, Debug, Default)]
pub struct Search {
    /// Also search this folder for plugins, before LAPIDARY_PLUGIN_PATH and the program's own folder.
    #[arg(long, value_name = "DIR")]
    pub plugin_dir: Vec<PathBuf>,
}

/// Where stages are kept.
#[derive(Args, Debug)]
pub struct Keep {
    /// Folder of artefacts: stages that were computed once, and caches.
    #[arg(long, value_name = "DIR", default_value = ".lapidary")]
    pub store: PathBuf,
}

/// `lapidary run`
#[derive(Args, Debug)]
pub struct Run {
    /// The Lua script.
    pub script: PathBuf,
    /// Give the script's parameter KEY another value; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto", value_parser = device)]
    pub device: String,
    /// Seed of everything that the script gives no seed of its own.
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<u64>,
    /// Check settings, files, names and shapes without computing anything.
    #[arg(long)]
    pub dry_run: bool,
    /// Run again whenever the script, a file that it read or looked for, a Lua component or a plugin changes, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub search: Search,
    /// Folder in which each run makes a folder of its own.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    #[command(flatten)]
    pub keep: Keep,
    /// Threads of libtorch; without it, as many as there are cores. They wait for each other busily: where other programs
    /// keep cores at work, fewer are faster.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<i32>,
}

/// Which model of which run is asked, and for whom.
#[derive(Args, Debug)]
pub struct Ask {
    /// A finished run: its folder, its name, the beginning of its name, or `last`.
    pub run: PathBuf,
    #[command(flatten)]
    pub among: Among,
    /// The user, by the data set's identifier.
    #[arg(long, value_name = "ID")]
    pub user: String,
    /// Ask with what the user had before the target of their `valid` or `test` case; without it, with all that they had.
    #[arg(long, value_name = "CASES", value_parser = case_set)]
    pub before: Option<CaseSet>,
    /// Move the user along an attribute, such as humor=+2 or scares=-1; may be repeated. With a step of 1 an item that stands
    /// one standard deviation above the mean on it gains one standard deviation of the user's scores.
    #[arg(long, value_name = "ATTRIBUTE=STEP", value_parser = step)]
    pub steer: Vec<(String, f64)>,
    /// The model, by the beginning of its fingerprint; without it, the run's last that has attributes.
    #[arg(long, value_name = "FINGERPRINT")]
    pub model: Option<String>,
    #[command(flatten)]
    pub search: Search,
    #[command(flatten)]
    pub keep: Keep,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary recommend`
#[derive(Args, Debug)]
pub struct Recommend {
    #[command(flatten)]
    pub ask: Ask,
    /// How many items.
    #[arg(short, default_value_t = 10, value_name = "N", value_parser = count)]
    pub k: usize,
}

/// `lapidary explain`
#[derive(Args, Debug)]
pub struct Explain {
    #[command(flatten)]
    pub ask: Ask,
    /// The item, by the data set's identifier; may be repeated. Without it, the user's first recommendations.
    #[arg(long, value_name = "ID")]
    pub item: Vec<String>,
    /// How many recommendations to explain where no item is named.
    #[arg(short, default_value_t = 3, value_name = "N", value_parser = count)]
    pub k: usize,
    /// Also write a page for people: one file, which needs no network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// `lapidary plugins`
#[derive(Args, Debug)]
pub struct Plugins {
    #[command(flatten)]
    pub search: Search,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary describe`
#[derive(Args, Debug)]
pub struct Describe {
    /// The component's name; a name that several kinds have shows each.
    pub name: String,
    /// Only this kind: backbone, base_embedder, llm, prompt_strategy or reducer.
    #[arg(long, value_parser = kind)]
    pub kind: Option<Kind>,
    #[command(flatten)]
    pub search: Search,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary annotations`
#[derive(Args, Debug)]
pub struct Annotations {
    /// The folder in which `lapidary.lua` is written; name it in the editor's `workspace.library`.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    #[command(flatten)]
    pub search: Search,
}

/// `lapidary data`
#[derive(Debug, Subcommand)]
pub enum Data {
    /// Read a data set in its own format and store it.
    Import(Import),
    /// Show the figures of a data set.
    Info(Info),
}

/// `lapidary data import`
#[derive(Args, Debug)]
pub struct Import {
    /// The data set's description, a TOML file such as those in configs/datasets; or the folder of a source whose
    /// format is found from its files.
    pub spec: PathBuf,
    /// Where to store it; without it, in the store, where scripts find it.
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Count bad lines instead of stopping at the first.
    #[arg(long)]
    pub skip_bad: bool,
    #[command(flatten)]
    pub keep: Keep,
}

/// `lapidary data info`
#[derive(Args, Debug)]
pub struct Info {
    /// A stored data set's folder; or a description, which is imported where it was not yet.
    pub path: PathBuf,
    #[command(flatten)]
    pub keep: Keep,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `lapidary doctor`
#[derive(Args, Debug)]
pub struct Doctor {
    #[command(flatten)]
    pub search: Search,
    #[command(flatten)]
    pub keep: Keep,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Reads `KEY=VALUE`; the value may be empty and may hold `=`.
fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("expected KEY=VALUE, such as dim=64")?;
    let mut letters = key.chars();
    let first = letters
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_');
    if first && letters.all(|c| c.is_alphanumeric() || "_.-".contains(c)) {
        Ok((key.to_owned(), value.to_owned()))
    } else {
        Err(format!(
            "`{key}` is no parameter's name: letters, digits, `_`, `.` and `-`, a letter first"
        ))
    }
}

/// Reads `ATTRIBUTE=STEP`.
fn step(text: &str) -> Result<(String, f64), String> {
    let expected = || format!("`{text}`: expected ATTRIBUTE=STEP with a number, such as humor=+2");
    let (name, step) = text.split_once('=').ok_or_else(expected)?;
    let step: f64 = step.trim().parse().map_err(|_| expected())?;
    match step.is_finite() && !name.trim().is_empty() {
        true => Ok((name.trim().to_owned(), step)),
        false => Err(expected()),
    }
}

fn threads(text: &str) -> Result<i32, String> {
    let number = text.parse().ok();
    let number = number.filter(|n| (1..=4096).contains(n));
    number.ok_or_else(|| "expected a whole number from 1 to 4096".to_owned())
}

fn seed(text: &str) -> Result<u64, String> {
    let number = text.parse().ok();
    let number = number.filter(|n| *n <= i64::MAX as u64);
    number.ok_or_else(|| "expected a whole number of at least 0".to_owned())
}

pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number of at least 1".to_owned()),
        Ok(n) => Ok(n),
    }
}

pub(crate) fn case_set(text: &str) -> Result<CaseSet, String> {
    [CaseSet::Valid, CaseSet::Test]
        .into_iter()
        .find(|set| set.name() == text)
        .ok_or_else(|| "expected `valid` or `test`".to_owned())
}

/// Checks the form only: whether the device is there is asked when it is needed.
fn device(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:").map(str::parse::<u16>);
    match text {
        "auto" | "cpu" | "cuda" => Ok(text.to_owned()),
        _ if matches!(number, Some(Ok(_))) => Ok(text.to_owned()),
        _ => Err("expected `auto`, `cpu`, `cuda` or `cuda:N`".to_owned()),
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| {
        lapidary_core::Error::unknown("kind", text, Kind::ALL.map(Kind::name)).to_string()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_assignment_needs_a_name_and_an_equals_sign() {
        assert_eq!(assignment("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert_eq!(
            assignment("model.dim=").unwrap(),
            ("model.dim".into(), String::new())
        );
        for bad in ["a", "=b", "1a=2", "a b=c", "-a=1"] {
            assert!(assignment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_step_needs_an_attribute_and_a_number() {
        assert_eq!(step("humor=+2").unwrap(), ("humor".into(), 2.0));
        assert_eq!(step("scares=-0.5").unwrap(), ("scares".into(), -0.5));
        for bad in [
            "humor",
            "humor=",
            "=2",
            "humor=much",
            "humor=nan",
            "humor=inf",
        ] {
            assert!(step(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn devices_are_checked_by_form() {
        assert!(
            ["auto", "cpu", "cuda", "cuda:3"]
                .iter()
                .all(|d| device(d).is_ok())
        );
        assert!(
            ["gpu", "cuda:", "cuda:-1", "CUDA", ""]
                .iter()
                .all(|d| device(d).is_err())
        );
    }
}
