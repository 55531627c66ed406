//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use lapidary_sdk::Kind;

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
}

const AFTER: &str = "\
Exit codes: 0 done, 1 the run failed, 2 wrong use.
Environment: LAPIDARY_PLUGIN_PATH and LAPIDARY_MODELS (folders, separated by `:`), LAPIDARY_LOG (such as `debug`).";

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the components of all plugins, and the files that were refused.
    Plugins(Plugins),
    /// Show a component's settings: types, defaults, ranges, help.
    Describe(Describe),
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
}
