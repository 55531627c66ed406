//! The checks as a test of a plugin's own crate: what fails ends it with the whole report.
#![allow(clippy::panic, clippy::expect_used)]

use std::path::Path;

use lapidary_core::plugin::{Place, Registry};
use lapidary_sdk::Kind;
use serde_json::{Value, json};

use crate::conformance::{Case, Depth, Numbers, run};

/// Checks a component; the numbers that were seen.
///
/// # Panics
/// With the report, when a check fails.
pub fn assert_conforms(registry: &Registry, case: &Case, depth: Depth) -> Numbers {
    let (report, numbers) = run(registry, case, depth, &mut ());
    assert!(report.is_sound(), "{report}");
    numbers
}

/// Checks the components linked into this program and those of the library, and compares the numbers that were seen.
///
/// # Panics
/// With the report when a check fails; when the numbers differ.
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
                .entry(case.kind, &case.name)
                .map(|e| e.origin.place.clone())
        };
        assert_eq!(origin(&linked).expect("it is linked in"), Place::Linked);
        assert!(matches!(origin(&loaded), Ok(Place::Library(_))));
        let one = assert_conforms(&linked, case, Depth::Numbers);
        let two = assert_conforms(&loaded, case, Depth::All);
        if let Err(fault) = one.compare(&two) {
            panic!("linked in and loaded: {fault}");
        }
    }
}

/// Tests the components of a plugin's crate, linked in and loaded: `conformance!(backbone: "sasrec")`. Settings may follow
/// a name: `llm: "replay" = json!({…})`. It stands in an integration test of the crate, which is both a `cdylib` and an
/// `rlib`.
#[macro_export]
macro_rules! conformance {
    ($($kind:ident: $name:literal $(= $settings:expr)?),+ $(,)?) => {
        #[test]
        fn the_component_is_the_same_linked_in_and_loaded() {
            let cases = [$($crate::case!($kind: $name $(= $settings)?)),+];
            let library = $crate::library::of_this_test(env!("CARGO_PKG_NAME"));
            $crate::in_tests::both_ways(&library, &cases);
        }
    };
}

/// One component of [`conformance!`].
#[doc(hidden)]
#[macro_export]
macro_rules! case {
    ($kind:ident: $name:literal) => {
        $crate::in_tests::case(stringify!($kind), $name, $crate::in_tests::no_settings())
    };
    ($kind:ident: $name:literal = $settings:expr) => {
        $crate::in_tests::case(stringify!($kind), $name, $settings)
    };
}

/// A [`Case`] by the kind's name.
///
/// # Panics
/// When there is no such kind.
pub fn case(kind: &str, name: &str, settings: Value) -> Case {
    let kind = Kind::from_name(kind).unwrap_or_else(|| panic!("`{kind}` is no kind"));
    Case {
        kind,
        name: name.to_owned(),
        settings,
        model_dirs: Vec::new(),
    }
}

/// Settings that leave everything at its default.
#[doc(hidden)]
pub fn no_settings() -> Value {
    json!({})
}
