//! Plugins: finding, checking, loading; their components behind safe traits.

/// Why a plugin was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {}

impl PluginError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        "plugin"
    }
}

/// Opens a library for the whole process, where it can be opened.
pub(crate) fn open_global(_name: &str) {}
