//! The errors of the host.

use std::path::{Path, PathBuf};

/// Result of the host's operations.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong in the host. Every message says what happened, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// An input file holds something that cannot be used.
    #[error("{}{}: {reason}", path.display(), line.map(|l| format!(":{l}")).unwrap_or_default())]
    Data {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where one is known.
        line: Option<u64>,
        /// What is wrong and what is needed.
        reason: String,
    },
    /// A setting is unknown, has the wrong type, or a value out of range.
    #[error("{place}: {reason}")]
    Setting {
        /// Where it stands: file and key path, or the component's name and key.
        place: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// A name that nobody registered.
    #[error(
        "unknown {what} `{name}`{note}{}",
        crate::suggest::phrase(nearest, known)
    )]
    Unknown {
        /// What was looked for: `backbone`, `metric`, …
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The nearest known names, best first.
        nearest: Vec<String>,
        /// All known names, sorted.
        known: Vec<String>,
        /// What else there is of that name, with a leading space, or nothing.
        note: String,
    },
    /// A plugin was refused.
    #[error(transparent)]
    Plugin(#[from] crate::plugin::PluginError),
    /// A component returned an error or panicked.
    #[error("{component}, {method}: {message}")]
    Component {
        /// Kind, name and plugin of the component.
        component: String,
        /// The method that was called.
        method: String,
        /// What the component said.
        message: String,
    },
    /// libtorch refused an operation.
    #[error("tensor operation failed: {}", crate::torch_words::plain(&.0.to_string()))]
    Tensor(#[from] tch::TchError),
    /// A tensor does not have the shape or type that is needed.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// The tensor and where it comes from.
        what: String,
        /// Expected shape with named axes, and type.
        expected: String,
        /// The shape and type found.
        found: String,
    },
    /// Training left the numbers: the loss is not finite.
    #[error("{0}")]
    NotFinite(String),
    /// The user asked to stop.
    #[error("interrupted; run the same command again to resume")]
    Interrupted,
    /// A stored file is damaged.
    #[error("{}: damaged: {reason}", path.display())]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
}

impl Error {
    /// Wraps a system error with the path it happened at.
    pub fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { path, source }
    }

    /// An unusable input file; `line` counts from 1.
    pub fn data(path: impl AsRef<Path>, line: Option<u64>, reason: impl Into<String>) -> Self {
        Self::Data {
            path: path.as_ref().to_path_buf(),
            line,
            reason: reason.into(),
        }
    }

    /// A setting that cannot be used.
    pub fn setting(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Setting {
            place: place.into(),
            reason: reason.into(),
        }
    }

    /// An unknown name, with the nearest of `known`.
    pub fn unknown<S: AsRef<str>>(
        what: &'static str,
        name: &str,
        known: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut known: Vec<String> = known.into_iter().map(|s| s.as_ref().to_owned()).collect();
        known.sort();
        let nearest = crate::suggest::nearest(name, &known);
        Self::Unknown {
            what,
            name: name.to_owned(),
            nearest,
            known,
            note: String::new(),
        }
    }

    /// A damaged stored file.
    pub fn damaged(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.as_ref().to_path_buf(),
            reason: reason.into(),
        }
    }

    /// Wraps what a component reported with who it was and what it was asked; an interrupt stays one.
    pub fn component(
        component: impl Into<String>,
        method: &'static str,
    ) -> impl FnOnce(lapidary_sdk::Error) -> Self {
        let component = component.into();
        move |source| match source {
            lapidary_sdk::Error::Interrupted => Self::Interrupted,
            lapidary_sdk::Error::Call {
                component,
                method,
                message,
            } => Self::Component {
                component,
                method,
                message,
            },
            other => Self::Component {
                component,
                method: method.to_owned(),
                message: other.to_string(),
            },
        }
    }

    /// Whether the user's interrupt caused it.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Interrupted)
    }

    /// A stable code for programs that read `--json`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Data { .. } => "data",
            Self::Setting { .. } => "setting",
            Self::Unknown { .. } => "unknown_name",
            Self::Plugin(e) => e.code(),
            Self::Component { .. } => "component",
            Self::Tensor(_) => "tensor",
            Self::Shape { .. } => "shape",
            Self::NotFinite(_) => "not_finite",
            Self::Interrupted => "interrupted",
            Self::Damaged { .. } => "damaged",
        }
    }
}
