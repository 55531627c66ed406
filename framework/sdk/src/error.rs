//! The error that components return.

/// Result of a component's methods.
pub type Result<T> = std::result::Result<T, Error>;

/// Goes on where something holds; else says why it must: `must(k >= 1, || format!("`k` must be at least 1; found {k}"))`.
///
/// # Errors
/// [`Error::Invalid`] with the reason.
pub fn must(holds: bool, reason: impl FnOnce() -> String) -> Result<()> {
    match holds {
        true => Ok(()),
        false => Err(Error::invalid(reason())),
    }
}

/// What a component can report. Its text reaches the user together with the component's name and the method.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input, the settings or the state cannot be used: says what was found and what is needed.
    #[error("{0}")]
    Invalid(String),
    /// libtorch refused an operation.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] tch::TchError),
    /// JSON that does not have the agreed form.
    #[error("{what}: {source}")]
    Json {
        /// What was being read.
        what: String,
        /// The reason.
        source: serde_json::Error,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A call to another component failed.
    #[error("{component}, {method}: {message}")]
    Call {
        /// Kind, name and plugin of the component.
        component: String,
        /// The method that was called.
        method: String,
        /// What it said.
        message: String,
    },
    /// The component has no such method.
    #[error("method {0} is not supported")]
    Unsupported(u32),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An input that cannot be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Wraps a JSON error with what was being read.
    pub fn json(what: impl Into<String>) -> impl FnOnce(serde_json::Error) -> Self {
        let what = what.into();
        move |source| Self::Json { what, source }
    }

    /// Wraps a system error with the path it happened at.
    pub fn io(path: impl AsRef<std::path::Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().display().to_string();
        move |source| Self::Io { path, source }
    }
}
