//! Why a plugin is refused.

use std::path::PathBuf;

use super::host::TorchVersion;

/// Why a plugin is refused: each says which file, what was found, what is needed and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// It is neither ELF nor Mach-O, or not a shared library.
    #[error("{}: not a library: {found}; remove the file, or name the folder that holds built plugins", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// It was built for another processor or system.
    #[error("{}: built for {found}, but this program runs on {needed}; build the plugin for {needed}", path.display())]
    OtherMachine {
        /// The file.
        path: PathBuf,
        /// Its machine.
        found: String,
        /// This machine.
        needed: String,
    },
    /// The file ends before its headers say so.
    #[error("{}: cut short or damaged: {reason}; copy or build it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What lies outside the file.
        reason: String,
    },
    /// It cannot be read, or the system's loader refused it.
    #[error("{}: cannot be opened: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason, and what it hints at.
        reason: String,
    },
    /// It exports no entry.
    #[error(
        "{}: a library, but not a Lapidary plugin: it does not export `{}`; a Rust plugin calls `lapidary_sdk::export_plugin!()` once",
        path.display(), lapidary_abi::ENTRY_SYMBOL
    )]
    NotAPlugin {
        /// The file.
        path: PathBuf,
    },
    /// Its entry returned null.
    #[error("{}: the plugin could not start: its entry returned nothing; its own messages may say why", path.display())]
    DidNotStart {
        /// The file.
        path: PathBuf,
    },
    /// Its manifest does not begin with the magic number.
    #[error(
        "{}: its manifest begins with {found:#018x} instead of {:#018x}; build it against the header or SDK of this version",
        path.display(), lapidary_abi::MAGIC
    )]
    BadMagic {
        /// The file.
        path: PathBuf,
        /// What stands in the place of the magic number.
        found: u64,
    },
    /// A table is smaller than the first version of the ABI defines it.
    #[error("{}: {table} has {found} bytes, but at least {needed} are needed; build it against the header or SDK of this version", path.display())]
    ShortTable {
        /// The file.
        path: PathBuf,
        /// Which table.
        table: String,
        /// Its size.
        found: u32,
        /// The least size.
        needed: u32,
    },
    /// It speaks another major version of the ABI.
    #[error(
        "{}: built for plugin ABI {found}, but this program speaks {needed}; {}",
        path.display(), if found_newer(found, needed) { "update Lapidary, or take an older version of the plugin" }
                        else { "build the plugin with the SDK of this version" }
    )]
    AbiMajor {
        /// The file.
        path: PathBuf,
        /// Major and minor version of the plugin.
        found: String,
        /// Major and minor version of the host.
        needed: String,
    },
    /// It was built with another libtorch.
    #[error("{}: built with {found}, but this program runs {needed}; build the plugin with LIBTORCH set to the libtorch of this program", path.display())]
    Torch {
        /// The file.
        path: PathBuf,
        /// The plugin's libtorch.
        found: String,
        /// The running one.
        needed: String,
    },
    /// A component's table or description cannot be used.
    #[error("{}: {component}: {reason}; `ABI.md` says what a component must tell", path.display())]
    BadComponent {
        /// The file, or the program where it is linked in.
        path: PathBuf,
        /// Which component.
        component: String,
        /// What is wrong.
        reason: String,
    },
    /// A component of that kind and name is there already.
    #[error(
        "{component} comes from {second}, but {first} has one of that name already; remove one of the two"
    )]
    Duplicate {
        /// Kind and name.
        component: String,
        /// Where the first one is from.
        first: String,
        /// Where the refused one is from.
        second: String,
    },
}

/// Whether version `found` ("2.0") has a higher major number than `needed` ("1.0").
fn found_newer(found: &str, needed: &str) -> bool {
    let major = |version: &str| {
        version
            .split('.')
            .next()
            .and_then(|n| n.parse::<u32>().ok())
    };
    major(found) > major(needed)
}

impl PluginError {
    /// A stable code for programs that read `--json`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotALibrary { .. } => "plugin_not_a_library",
            Self::OtherMachine { .. } => "plugin_other_machine",
            Self::Truncated { .. } => "plugin_truncated",
            Self::Open { .. } => "plugin_open",
            Self::NotAPlugin { .. } => "plugin_no_entry",
            Self::DidNotStart { .. } => "plugin_did_not_start",
            Self::BadMagic { .. } => "plugin_bad_magic",
            Self::ShortTable { .. } => "plugin_short_table",
            Self::AbiMajor { .. } => "plugin_abi_major",
            Self::Torch { .. } => "plugin_torch",
            Self::BadComponent { .. } => "plugin_bad_component",
            Self::Duplicate { .. } => "plugin_duplicate",
        }
    }
}

/// What a plugin built with `version` needs, for messages.
pub(super) fn torch_text(version: TorchVersion, cxx11_abi: u32) -> String {
    match cxx11_abi {
        0 => format!("libtorch {version} with the old C++ strings"),
        _ => format!("libtorch {version}"),
    }
}
