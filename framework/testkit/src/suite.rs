//! Runs named checks one after the other and keeps what came of each: a fault ends its check, not the others.

use lapidary_sdk::Error;
use tch::{Device, Kind as DType, Tensor};

use crate::conformance::Numbers;
use crate::report::{Check, Outcome, Report};

/// A section of `ABI.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What is checked before a library is used.
    Loading,
    /// Who owns tensors, texts and instances.
    Ownership,
    /// What belongs to the host: seed, threads, gradient mode.
    Process,
    /// What functions return, and that nothing else leaves them.
    Status,
    /// Descriptions.
    Describe,
    /// Making instances.
    Create,
    /// Calls, and what comes back.
    Invoke,
    /// Backbones.
    Backbone,
    /// Base embedders.
    BaseEmbedder,
    /// Language models.
    Llm,
    /// Prompt strategies.
    PromptStrategy,
    /// Reducers.
    Reducer,
    /// States.
    State,
}

impl Section {
    /// All sections that checks point to.
    pub const ALL: [Self; 13] = [
        Self::Loading,
        Self::Ownership,
        Self::Process,
        Self::Status,
        Self::Describe,
        Self::Create,
        Self::Invoke,
        Self::Backbone,
        Self::BaseEmbedder,
        Self::Llm,
        Self::PromptStrategy,
        Self::Reducer,
        Self::State,
    ];

    /// What its heading begins with.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Loading => "Loading",
            Self::Ownership => "Ownership",
            Self::Process => "Threads and process state",
            Self::Status => "Status codes",
            Self::Describe => "`describe",
            Self::Create => "`create",
            Self::Invoke => "`invoke",
            Self::Backbone => "`backbone`",
            Self::BaseEmbedder => "`base_embedder`",
            Self::Llm => "`llm`",
            Self::PromptStrategy => "`prompt_strategy`",
            Self::Reducer => "`reducer`",
            Self::State => "`save",
        }
    }

    /// The heading as a report names it.
    fn shown(self) -> String {
        match self.heading().strip_prefix('`') {
            Some(name) if !name.ends_with('`') => format!("`{name}`"),
            _ => self.heading().to_owned(),
        }
    }
}

/// What a check stands for.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// Where it is written.
    pub section: Section,
    /// What an author does when it does not hold.
    pub fix: &'static str,
}

impl Rule {
    /// A rule by name, section and cure.
    pub const fn new(name: &'static str, section: Section, fix: &'static str) -> Self {
        Self { name, section, fix }
    }

    /// The check that came of it.
    pub fn outcome(&self, outcome: Outcome, found: impl Into<String>) -> Check {
        let fix = match outcome {
            Outcome::Failed => self.fix.to_owned(),
            Outcome::Passed | Outcome::Skipped => String::new(),
        };
        Check {
            name: self.name.to_owned(),
            outcome,
            found: found.into(),
            fix,
            section: self.section.shown(),
        }
    }
}

const PANICKED: Rule = Rule::new(
    "",
    Section::Status,
    "let no call panic or throw: return status 1 and say in the error sink what was found and what is needed",
);
const PROCESS: Rule = Rule::new(
    "process state",
    Section::Process,
    "leave the process's seed, libtorch's numbers of threads and the gradient mode as they were when a call returns",
);

/// Why a check does not hold.
#[derive(Debug)]
pub struct Fault(String);

impl Fault {
    /// A fault, by what was found.
    pub fn new(found: impl Into<String>) -> Self {
        Self(found.into())
    }

    /// Puts what was attempted before what was found.
    pub fn at(attempt: &str) -> impl Fn(Error) -> Self {
        let attempt = attempt.to_owned();
        move |error| Self(format!("{attempt}: {error}"))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<lapidary_core::Error> for Fault {
    fn from(error: lapidary_core::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<tch::TchError> for Fault {
    fn from(error: tch::TchError) -> Self {
        Self::from(Error::from(error))
    }
}

/// What a check gives back.
pub type Checked<T = ()> = Result<T, Fault>;

/// Goes on where something holds; else it is a fault.
pub(crate) fn holds(holds: bool, found: impl FnOnce() -> String) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(Fault(found())),
    }
}

/// What a measurement says.
pub(crate) enum Measured {
    /// What was measured.
    As(String),
    /// Why nothing could be measured.
    Skipped(&'static str),
}

/// Is told how far the checks are.
pub trait Observer {
    /// A check begins.
    fn begin(&mut self, subject: &str, rule: &Rule);
    /// It ended.
    fn end(&mut self, subject: &str, check: &Check);
}

/// Looks away.
impl Observer for () {
    fn begin(&mut self, _: &str, _: &Rule) {}
    fn end(&mut self, _: &str, _: &Check) {}
}

/// Checks of one component under way.
pub struct Suite<'a> {
    report: Report,
    numbers: Numbers,
    observer: &'a mut dyn Observer,
    /// What a call changed that belongs to the process.
    changed: Option<String>,
}

impl<'a> Suite<'a> {
    /// Begins with the checks of a subject.
    pub fn new(subject: String, observer: &'a mut dyn Observer) -> Self {
        Self {
            report: Report {
                subject,
                checks: Vec::new(),
            },
            numbers: Numbers::default(),
            observer,
            changed: None,
        }
    }

    /// Runs a check; what it gives back, unless it failed. What it adds to the numbers is compared between two ways of
    /// running the component.
    pub fn check<T>(
        &mut self,
        rule: Rule,
        body: impl FnOnce(&mut Numbers) -> Checked<T>,
    ) -> Option<T> {
        let found = self.watched(&rule, body);
        let (value, outcome, found) = match found {
            Ok(value) => (Some(value), Outcome::Passed, String::new()),
            Err(Fault(found)) => (None, Outcome::Failed, found),
        };
        self.add(&rule, outcome, found);
        value
    }

    /// Runs a check that tells what it measured.
    pub(crate) fn measure(&mut self, rule: Rule, body: impl FnOnce() -> Checked<Measured>) {
        let (outcome, found) = match self.watched(&rule, |_| body()) {
            Ok(Measured::As(found)) => (Outcome::Passed, found),
            Ok(Measured::Skipped(why)) => (Outcome::Skipped, why.to_owned()),
            Err(Fault(found)) => (Outcome::Failed, found),
        };
        self.add(&rule, outcome, found);
    }

    /// Ends the checks: what they found, and the numbers they saw.
    pub fn finish(mut self) -> (Report, Numbers) {
        let changed = self.changed.take();
        self.observer.begin(&self.report.subject, &PROCESS);
        let outcome = match changed.is_none() {
            true => Outcome::Passed,
            false => Outcome::Failed,
        };
        self.add(&PROCESS, outcome, changed.unwrap_or_default());
        (self.report, self.numbers)
    }

    fn watched<T>(
        &mut self,
        rule: &Rule,
        body: impl FnOnce(&mut Numbers) -> Checked<T>,
    ) -> Checked<T> {
        self.observer.begin(&self.report.subject, rule);
        let threads = tch::get_num_threads();
        // It puts the mode back that it found, whatever the calls leave.
        let (found, gradients) = tch::with_grad(|| {
            let found = body(&mut self.numbers);
            (found, gradients_on())
        });
        if !gradients {
            let text = format!("during `{}` gradients were left switched off", rule.name);
            self.changed.get_or_insert(text);
        }
        let found_threads = tch::get_num_threads();
        if found_threads != threads {
            let text = format!(
                "during `{}` the number of threads went from {threads} to {found_threads}",
                rule.name
            );
            self.changed.get_or_insert(text);
            tch::set_num_threads(threads);
        }
        found
    }

    fn add(&mut self, rule: &Rule, outcome: Outcome, found: String) {
        let mut check = rule.outcome(outcome, found);
        if outcome == Outcome::Failed && check.found.contains("panicked") {
            check.fix = PANICKED.fix.to_owned();
            check.section = PANICKED.section.shown();
        }
        self.observer.end(&self.report.subject, &check);
        self.report.checks.push(check);
    }
}

fn gradients_on() -> bool {
    let one = Tensor::f_ones([1], (DType::Float, Device::Cpu))
        .and_then(|one| one.f_set_requires_grad(true))
        .and_then(|one| one.f_mul_scalar(2.0));
    one.is_ok_and(|doubled| doubled.requires_grad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_there() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../abi/ABI.md");
        let text = std::fs::read_to_string(path).unwrap();
        for section in Section::ALL {
            let found = text.lines().any(|line| {
                let title = line.trim_start_matches('#');
                title.len() < line.len() && title.trim_start().starts_with(section.heading())
            });
            assert!(found, "{section:?}: no heading {}", section.heading());
        }
        assert_eq!(Section::State.shown(), "`save`");
        assert_eq!(Section::Llm.shown(), "`llm`");
    }
}
