//! Components behind C tables: arguments are encoded, calls made, and everything that comes back is checked before
//! anyone uses it. A file a kind wraps [`Instance`] into the trait of that kind.
#![allow(unsafe_code)]

mod backbone;
mod base_embedder;
mod exchange;
mod instance;
mod llm;
mod prompt_strategy;
mod reducer;
mod returned;

use std::sync::Arc;

use lapidary_abi as abi;
use lapidary_abi::Status;
use lapidary_sdk::{Error, Kind, Result};
use serde::Serialize;

use super::registry::{Factory, Origin};
use exchange::Bytes;
use instance::{Instance, MethodId};

/// A component of a library, or of this program: its table, and where it is from.
#[derive(Clone)]
pub(super) struct Native {
    table: abi::Component,
    pub(super) kind: Kind,
    pub(super) name: String,
    origin: Arc<Origin>,
    /// Numbers of the methods it describes.
    pub(super) offered: Vec<u32>,
}

impl Native {
    pub(super) fn new(
        table: abi::Component,
        kind: Kind,
        name: String,
        origin: Arc<Origin>,
    ) -> Self {
        Self {
            table,
            kind,
            name,
            origin,
            offered: Vec::new(),
        }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Kind and name, for messages.
    pub(super) fn label(&self) -> String {
        format!("{} `{}`", self.kind, self.name)
    }

    /// The first of the six functions that the table lacks.
    pub(super) fn missing_function(&self) -> Option<&'static str> {
        let table = &self.table;
        let functions = [
            ("describe", table.describe.is_some()),
            ("create", table.create.is_some()),
            ("invoke", table.invoke.is_some()),
            ("save", table.save.is_some()),
            ("load", table.load.is_some()),
            ("destroy", table.destroy.is_some()),
        ];
        functions.into_iter().find(|f| !f.1).map(|f| f.0)
    }

    /// The component's description, as it wrote it.
    pub(super) fn describe(&self) -> std::result::Result<String, String> {
        let (mut reply, mut error) = (Bytes::default(), Bytes::default());
        let describe = self.table.describe.ok_or("it cannot describe itself")?;
        // SAFETY: both sinks live until the call returns.
        let code = unsafe { describe(reply.sink(), error.sink()) };
        check(code, &error)
            .map_err(|failure| format!("it could not describe itself: {failure}"))?;
        reply.text().map_err(|e| format!("its description {e}"))
    }

    /// Makes an instance.
    fn create<C: Serialize>(&self, settings: &serde_json::Value, context: &C) -> Result<Instance> {
        #[derive(Serialize)]
        struct Config<'a, C> {
            settings: &'a serde_json::Value,
            context: &'a C,
        }
        let config = serde_json::to_string(&Config { settings, context })
            .map_err(Error::json("settings"))?;
        let mut pointer = std::ptr::null_mut();
        let mut error = Bytes::default();
        let create = self
            .table
            .create
            .ok_or_else(|| self.error("create", "its function is null"))?;
        // SAFETY: the text, the place and the sink live until the call returns.
        let code = unsafe { create(abi::Str::new(&config), &raw mut pointer, error.sink()) };
        super::host::end_stage();
        check(code, &error).map_err(|failure| self.failed("create", failure))?;
        if pointer.is_null() {
            return Err(self.error("create", "reported success, but gave no instance"));
        }
        Ok(Instance::new(self.clone(), pointer))
    }

    /// How the registry makes instances of it.
    pub(super) fn factory(self) -> Factory {
        match self.kind {
            Kind::Backbone => Factory::Backbone(Box::new(move |s, c| backbone::make(&self, s, c))),
            Kind::BaseEmbedder => {
                Factory::BaseEmbedder(Box::new(move |s, c| base_embedder::make(&self, s, c)))
            }
            Kind::Llm => Factory::Llm(Box::new(move |s, c| llm::make(&self, s, c))),
            Kind::PromptStrategy => {
                Factory::PromptStrategy(Box::new(move |s, c| prompt_strategy::make(&self, s, c)))
            }
            Kind::Reducer => Factory::Reducer(Box::new(move |s, c| reducer::make(&self, s, c))),
        }
    }

    fn error(&self, method: &str, message: impl Into<String>) -> Error {
        Error::Call {
            component: format!("{} ({})", self.label(), self.origin),
            method: method.to_owned(),
            message: message.into(),
        }
    }

    fn failed(&self, method: &str, failure: Failure) -> Error {
        match failure {
            Failure::Interrupted => Error::Interrupted,
            other => self.error(method, other.to_string()),
        }
    }
}

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Error(String),
    #[error("panicked: {0}")]
    Panic(String),
    #[error("the component does not support this method")]
    Unsupported,
    #[error("interrupted")]
    Interrupted,
    #[error("returned status {0}, which this program does not know: {1}")]
    Unknown(i32, String),
}

fn check(code: i32, error: &Bytes) -> std::result::Result<(), Failure> {
    let message = || match error.message() {
        text if text.is_empty() => "it gave no reason".to_owned(),
        text => text,
    };
    Err(match Status::from_code(code) {
        Some(Status::Ok) => return Ok(()),
        Some(Status::Error) => Failure::Error(message()),
        Some(Status::Panic) => Failure::Panic(message()),
        Some(Status::Unsupported) => Failure::Unsupported,
        Some(Status::Interrupted) => Failure::Interrupted,
        None => Failure::Unknown(code, message()),
    })
}

/// Passes state through, for the wrapper of a kind.
macro_rules! stateful {
    ($wrapper:ty) => {
        impl lapidary_sdk::Stateful for $wrapper {
            fn save(&self) -> lapidary_sdk::Result<lapidary_sdk::State> {
                self.instance.save()
            }

            fn load(&mut self, state: &lapidary_sdk::State) -> lapidary_sdk::Result<()> {
                self.instance.load(state)
            }
        }
    };
}
use stateful;
