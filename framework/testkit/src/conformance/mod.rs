//! Suites that every component of a kind passes. Each returns the numbers and texts it saw, so that two ways of running
//! the same component can be compared.

mod backbone;
mod base_embedder;
mod llm;
mod process;
mod prompt_strategy;
mod reducer;
mod round_trip;

use std::path::Path;

use lapidary_core::plugin::{Place, Registry};
use lapidary_sdk::Kind;
use serde_json::{Map, Value, json};
use tch::Tensor;

pub use backbone::backbone;
pub use base_embedder::base_embedder;
pub use llm::{llm, llm_requests};
pub use prompt_strategy::prompt_strategy;
pub use reducer::reducer;

/// Numbers and texts that a suite saw, by name.
#[derive(Debug, Default)]
pub struct Numbers {
    tensors: Vec<(String, Tensor)>,
    texts: Vec<(String, String)>,
}

impl Numbers {
    fn add(&mut self, name: impl Into<String>, tensor: &Tensor) {
        self.tensors.push((name.into(), tensor.detach().copy()));
    }

    fn add_text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.push((name.into(), text.into()));
    }

    /// Compares with what another run saw: numbers bit by bit, texts letter by letter.
    ///
    /// # Panics
    /// When they differ.
    pub fn assert_equal(&self, other: &Self) {
        assert_eq!(self.texts, other.texts, "both runs see the same texts");
        assert_eq!(
            self.tensors.len(),
            other.tensors.len(),
            "both runs see the same"
        );
        for ((name, a), (other_name, b)) in self.tensors.iter().zip(&other.tensors) {
            assert_eq!(name, other_name, "both runs see the same in the same order");
            assert!(same(a, b), "`{name}` differs between the two runs");
        }
    }
}

/// Whether two tensors are equal, NaN at the same places included.
fn same(a: &Tensor, b: &Tensor) -> bool {
    a.size() == b.size() && a.kind() == b.kind() && a.allclose(b, 0.0, 0.0, true)
}

/// One component and the settings to test it with.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// Settings; the defaults fill the rest.
    pub settings: Value,
}

/// Runs a component's suite.
///
/// # Panics
/// When a check fails.
pub fn run(registry: &Registry, case: &Case) -> Numbers {
    describes_itself(registry, case);
    let suite = match case.kind {
        Kind::Backbone => backbone,
        Kind::BaseEmbedder => base_embedder,
        Kind::Llm => llm,
        Kind::PromptStrategy => prompt_strategy,
        Kind::Reducer => reducer,
    };
    suite(registry, case.name, &case.settings)
}

/// Runs the suites with the components linked into this program and with those of the library, and compares.
///
/// # Panics
/// When a check fails or the numbers differ.
pub fn both_ways(library: &Path, cases: &[Case]) {
    let mut linked = Registry::empty();
    linked.add_linked().expect("what is linked in can be used");
    let mut loaded = Registry::empty();
    loaded
        .load_file(library)
        .unwrap_or_else(|e| panic!("the library can be used: {e}"));
    for case in cases {
        let origin = |registry: &Registry| {
            registry
                .entry(case.kind, case.name)
                .map(|e| e.origin.place.clone())
        };
        assert_eq!(origin(&linked).expect("it is linked in"), Place::Linked);
        assert!(matches!(origin(&loaded), Ok(Place::Library(_))));
        run(&linked, case).assert_equal(&run(&loaded, case));
    }
}

/// The description speaks for itself, and the settings that it does not know are refused.
fn describes_itself(registry: &Registry, case: &Case) {
    let Case { kind, name, .. } = case;
    let entry = registry
        .entry(*kind, name)
        .unwrap_or_else(|e| panic!("{e}"));
    let description = &entry.description;
    assert!(description.summary.len() > 10, "`{name}` has a summary");
    assert!(!entry.origin.version.is_empty(), "`{name}` has a version");
    let empty = Map::new();
    let properties = description.settings["properties"]
        .as_object()
        .unwrap_or(&empty);
    for (key, property) in properties {
        let text = property["description"].as_str().unwrap_or_default();
        assert!(
            !text.is_empty(),
            "`{name}`: setting `{key}` has a description"
        );
    }
    let refused = registry.settings(*kind, name, &json!({ "no_such_setting": 1 }));
    let message = refused
        .expect_err("unknown settings are refused")
        .to_string();
    assert!(message.contains("no_such_setting"), "{message}");
    registry
        .settings(*kind, name, &description.defaults)
        .unwrap_or_else(|e| panic!("its defaults are an example that works: {e}"));
}

/// An error that tells what was wrong, not a panic.
fn assert_refused<T>(what: &str, outcome: lapidary_sdk::Result<T>) {
    let Err(error) = outcome else {
        panic!("{what} must be refused");
    };
    let message = error.to_string();
    assert!(
        !message.contains("panicked"),
        "{what} made it panic: {message}"
    );
    assert!(!message.is_empty(), "{what} is refused with a reason");
}

/// Tests a plugin's components linked in and loaded: `conformance!("sasrec"; backbone: "sasrec")`. Settings may follow a
/// name: `llm: "replay" = json!({…})`.
#[macro_export]
macro_rules! conformance {
    ($plugin:literal; $($kind:ident: $name:literal $(= $settings:expr)?),+ $(,)?) => {
        #[test]
        fn the_component_is_the_same_linked_in_and_loaded() {
            let cases = [$($crate::case!($kind: $name $(= $settings)?)),+];
            let library = $crate::library::plugin_library($plugin);
            $crate::conformance::both_ways(&library, &cases);
        }
    };
}

/// One component of [`conformance!`].
#[doc(hidden)]
#[macro_export]
macro_rules! case {
    ($kind:ident: $name:literal) => {
        $crate::conformance::case(stringify!($kind), $name, $crate::conformance::no_settings())
    };
    ($kind:ident: $name:literal = $settings:expr) => {
        $crate::conformance::case(stringify!($kind), $name, $settings)
    };
}

/// A [`Case`] by the kind's name.
#[doc(hidden)]
pub fn case(kind: &str, name: &'static str, settings: Value) -> Case {
    let kind = Kind::from_name(kind).unwrap_or_else(|| panic!("`{kind}` is no kind"));
    Case {
        kind,
        name,
        settings,
    }
}

/// Settings that leave everything at its default.
#[doc(hidden)]
pub fn no_settings() -> Value {
    json!({})
}
