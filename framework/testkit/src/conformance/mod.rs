//! The checks that every component of a kind passes. They also give back the numbers and texts they saw, so that two ways
//! of running the same component can be compared.

mod backbone;
mod base_embedder;
mod description;
mod device;
mod gradients;
mod llm;
mod memory;
mod numbers;
mod process;
mod prompt_strategy;
mod reducer;
mod round_trip;
mod speed;
mod tensors;

use std::path::Path;

use lapidary_core::plugin::{Entry, Registry};
use lapidary_sdk::Kind;
use serde_json::Value;

pub use llm::llm_requests;
pub use numbers::Numbers;

use crate::report::{Outcome, Report};
use crate::suite::{Observer, Rule, Section, Suite};

/// One component and the settings to test it with.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Settings; the defaults fill the rest.
    pub settings: Value,
    /// Folders in which a language model looks for models.
    pub model_dirs: Vec<String>,
}

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What the component computes.
    Numbers,
    /// That, and what is measured: leaks, speed, a GPU.
    All,
}

/// Checks a component.
pub fn run(
    registry: &Registry,
    case: &Case,
    depth: Depth,
    observer: &mut dyn Observer,
) -> (Report, Numbers) {
    let entry = registry.entry(case.kind, &case.name);
    let subject = entry.as_ref().map_or_else(|_| label(case), |e| subject(e));
    let mut suite = Suite::new(subject, observer);
    if description::describes_itself(&mut suite, registry, case) {
        let checks = match case.kind {
            Kind::Backbone => backbone::checks,
            Kind::BaseEmbedder => base_embedder::checks,
            Kind::Llm => llm::checks,
            Kind::PromptStrategy => prompt_strategy::checks,
            Kind::Reducer => reducer::checks,
        };
        checks(&mut suite, registry, case, depth);
    }
    suite.finish()
}

fn label(case: &Case) -> String {
    format!("{} `{}`", case.kind, case.name)
}

/// Kind, name and origin.
fn subject(entry: &Entry) -> String {
    let about = &entry.description;
    format!("{} `{}` ({})", about.kind, about.name, entry.origin)
}

const LOADING: Rule = Rule::new(
    "loading",
    Section::Loading,
    "the message says what was found and what is needed; the table in that section lists what is looked at, in order",
);

/// Loads a file into an empty registry, as `add` does: the check of it, and the registry where it was accepted.
pub fn load<T>(
    file: &Path,
    add: impl FnOnce(&mut Registry, &Path) -> lapidary_core::Result<T>,
    observer: &mut dyn Observer,
) -> (Report, Option<Registry>) {
    let mut registry = Registry::empty();
    let subject = file.display().to_string();
    observer.begin(&subject, &LOADING);
    let added = add(&mut registry, file);
    let loaded = added.is_ok();
    let check = match added {
        Ok(_) => LOADING.outcome(Outcome::Passed, ""),
        Err(error) => LOADING.outcome(Outcome::Failed, error.to_string()),
    };
    observer.end(&subject, &check);
    let checks = vec![check];
    (Report { subject, checks }, loaded.then_some(registry))
}
