//! `lapidary new`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lapidary_core::Error;
use lapidary_sdk::Kind;

use super::kind;

/// `lapidary new`
#[derive(Debug, Subcommand)]
pub enum New {
    /// Begin a plugin: a project that builds at once, with a small experiment that uses it and a check.
    Plugin(NewPlugin),
}

/// `lapidary new plugin`
#[derive(Args, Debug)]
pub struct NewPlugin {
    /// Name of the component and of the project's folder: lowercase letters, digits and `_`, a letter first.
    pub name: String,
    /// What it is.
    #[arg(long, value_parser = kind, value_name = "backbone|base_embedder|llm|prompt_strategy|reducer")]
    pub kind: Kind,
    /// What it is written in.
    #[arg(long, value_parser = language, value_name = "rust|cpp|lua", default_value = "rust")]
    pub lang: Language,
    /// Where the project's folder is made.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
    /// Checkout of Lapidary's source that a Rust plugin is built with; without it, the one that this program was built from.
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

/// What plugins are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// C++, with libtorch's stable interface.
    Cpp,
    /// Lua, out of tensor operations.
    Lua,
}

impl Language {
    const ALL: [Self; 3] = [Self::Cpp, Self::Lua, Self::Rust];

    /// As it is named on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Cpp => "cpp",
            Self::Lua => "lua",
        }
    }
}

fn language(text: &str) -> Result<Language, String> {
    Language::ALL
        .into_iter()
        .find(|language| language.name() == text)
        .ok_or_else(|| {
            Error::unknown("language", text, Language::ALL.map(Language::name)).to_string()
        })
}
