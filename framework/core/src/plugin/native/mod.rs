//! Components behind C tables: arguments are encoded, calls made, and what comes back is decoded. A file a kind gives
//! [`Instance`] the trait of that kind.
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

use super::host::calling;
use super::registry::{Factory, Origin};
use exchange::Bytes;
use instance::{Instance, MethodId};

/// A component of a library, or of this program: its table, and where it is from.
#[derive(Clone)]
pub(super) struct Native {
    table: abi::Component,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Numbers of the methods it describes.
    pub(super) offered: Vec<u32>,
    origin: Arc<Origin>,
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
            offered: Vec::new(),
            origin,
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
        let sinks = (reply.sink(), error.sink());
        // SAFETY: both sinks live until the call returns.
        let code = calling(|| unsafe { describe(sinks.0, sinks.1) });
        check(code, &error)
            .map_err(|failure| format!("it could not describe itself: {failure}"))?;
        reply.text().map_err(|e| format!("its description {e}"))
    }

    /// Makes an instance.
    fn create<C: Serialize>(
        &self,
        settings: &serde_json::Value,
        context: &C,
    ) -> Result<Box<Instance>> {
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
        let (config, place, sink) = (abi::Str::new(&config), &raw mut pointer, error.sink());
        // SAFETY: the text, the place and the sink live until the call returns.
        let code = calling(|| unsafe { create(config, place, sink) });
        check(code, &error).map_err(|failure| self.failed("create", failure))?;
        if pointer.is_null() {
            return Err(self.error("create", "reported success, but gave no instance"));
        }
        Ok(Box::new(Instance::new(self.clone(), pointer)))
    }

    /// How the registry makes instances of it.
    pub(super) fn factory(self) -> Factory {
        match self.kind {
            Kind::Backbone => Factory::Backbone(Box::new(move |s, c| Ok(self.create(s, c)?))),
            Kind::BaseEmbedder => {
                Factory::BaseEmbedder(Box::new(move |s, c| Ok(self.create(s, c)?)))
            }
            Kind::Llm => Factory::Llm(Box::new(move |s, c| Ok(self.create(s, c)?))),
            Kind::PromptStrategy => {
                Factory::PromptStrategy(Box::new(move |s, c| Ok(self.create(s, c)?)))
            }
            Kind::Reducer => Factory::Reducer(Box::new(move |s, c| Ok(self.create(s, c)?))),
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

#[cfg(test)]
mod tests {
    use lapidary_sdk::export::Table;
    use lapidary_sdk::kinds::reducer::ReducerKind;
    use lapidary_sdk::kinds::{Reducer, ReducerContext};
    use lapidary_sdk::{Component, schemars};
    use tch::Tensor;

    use super::super::registry::Place;
    use super::*;

    #[derive(Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    #[schemars(crate = "lapidary_sdk::schemars")]
    struct Nothing {}

    struct Same;

    impl Component for Same {
        const NAME: &'static str = "same";
        const SUMMARY: &'static str = "For tests.";
        type Settings = Nothing;
        type Context = ReducerContext;

        fn create(_: Nothing, _: ReducerContext) -> Result<Self> {
            Ok(Self)
        }
    }

    impl Reducer for Same {
        fn fit(&mut self, _: &Tensor, _: i64) -> Result<Option<Vec<f64>>> {
            Ok(None)
        }

        fn transform(&self, table: &Tensor) -> Result<Tensor> {
            Ok(table.shallow_clone())
        }
    }

    #[test]
    fn a_method_that_a_component_does_not_list_is_not_called() {
        let origin = Origin {
            plugin: "test".to_owned(),
            version: "1".to_owned(),
            place: Place::Linked,
        };
        let table = Table::<ReducerKind, Same>::COMPONENT;
        let (kind, name) = (Kind::Reducer, "same".to_owned());
        let mut native = Native::new(table, kind, name, Arc::new(origin));
        native.offered = vec![lapidary_sdk::kinds::reducer::method::FIT];
        let context = ReducerContext { seed: 0 };
        let mut made = native.create(&serde_json::json!({}), &context).unwrap();
        let table = Tensor::from_slice(&[1.0f32]);
        assert!(made.fit(&table, 1).is_ok());
        let message = made.transform(&table).unwrap_err().to_string();
        assert!(message.ends_with("transform: the component does not support this method"));
    }
}
