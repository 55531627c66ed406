//! `lapidary check-plugin`

use std::path::PathBuf;

use clap::Args;

use super::{Search, assignment};

/// `lapidary check-plugin`
#[derive(Args, Debug)]
pub struct CheckPlugin {
    /// A built library or a Lua component's file; or the name of a component, or of a plugin, in the search path.
    #[arg(value_name = "FILE|NAME")]
    pub plugin: PathBuf,
    /// Only the component of this name.
    #[arg(long, value_name = "NAME")]
    pub component: Option<String>,
    /// Give the component's setting KEY another value than its default; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    #[command(flatten)]
    pub search: Search,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
