//! `lapidary repl`

use std::path::PathBuf;

use clap::Args;

use super::{Keep, Search, device};

/// `lapidary repl`
#[derive(Args, Debug)]
pub struct Repl {
    /// Give the parameter KEY that `lapidary.setting` reads another value; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::assignment)]
    pub set: Vec<(String, String)>,
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto", value_parser = device)]
    pub device: String,
    /// Seed of everything that is given no seed of its own.
    #[arg(long, value_name = "N", value_parser = super::seed)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub search: Search,
    /// Folder in which the session makes a folder of its own.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub runs: PathBuf,
    #[command(flatten)]
    pub keep: Keep,
    /// Threads of libtorch; without it, as many as there are cores. They wait for each other busily: where other programs
    /// keep cores at work, fewer are faster.
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<i32>,
}
