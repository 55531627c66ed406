//! What the process that checks has done so far: a line a step, so that nothing is lost when it ends at any moment.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use lapidary_testkit::report::{Check, Outcome, Report};
use lapidary_testkit::suite::{Observer, Rule};
use serde::{Deserialize, Serialize};

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Begin(String, Check),
    End(String, Check),
    Done,
}

/// Writes the lines.
pub(super) struct Journal {
    file: File,
}

impl Journal {
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::options().append(true).open(path)?;
        Ok(Self { file })
    }

    /// All checks ran.
    pub fn done(&mut self) {
        self.write(&Step::Done);
    }

    fn write(&mut self, step: &Step) {
        let Ok(mut line) = serde_json::to_string(step) else {
            return;
        };
        line.push('\n');
        // A journal that cannot be written is short, and the reader says so.
        let _ = self.file.write_all(line.as_bytes());
    }
}

impl Observer for Journal {
    fn begin(&mut self, subject: &str, rule: &Rule) {
        let check = rule.outcome(Outcome::Failed, "");
        self.write(&Step::Begin(subject.to_owned(), check));
    }

    fn end(&mut self, subject: &str, check: &Check) {
        self.write(&Step::End(subject.to_owned(), check.clone()));
    }
}

/// What a journal tells.
#[derive(Default)]
pub(super) struct Noted {
    pub reports: Vec<Report>,
    /// The check that began and did not end.
    pub begun: Option<(String, Check)>,
    /// Whether all checks ran.
    pub ended: bool,
}

impl Noted {
    /// How many checks ended.
    pub fn checks(&self) -> u64 {
        self.reports
            .iter()
            .map(|report| report.checks.len() as u64)
            .sum()
    }

    /// The check that goes on, and of what; empty between two.
    pub fn under_way(&self) -> String {
        let begun = self.begun.as_ref();
        let told = |(subject, check): &(String, Check)| {
            let component = subject.split(" (").next().unwrap_or_default();
            format!("{} of {component}", check.name)
        };
        begun.map(told).unwrap_or_default()
    }
}

pub(super) fn read(text: &str) -> Noted {
    let mut noted = Noted::default();
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Step::Begin(subject, check)) => noted.begun = Some((subject, check)),
            Ok(Step::End(subject, check)) => {
                noted.begun = None;
                add(&mut noted.reports, subject, check);
            }
            Ok(Step::Done) => noted.ended = true,
            Err(_) => {}
        }
    }
    noted
}

/// Adds a check to the report of its subject.
pub(super) fn add(reports: &mut Vec<Report>, subject: String, check: Check) {
    match reports.last_mut().filter(|last| last.subject == subject) {
        Some(last) => last.checks.push(check),
        None => reports.push(Report {
            subject,
            checks: vec![check],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_and_not_ended_is_known() {
        let check = |name: &str| Check {
            name: name.to_owned(),
            outcome: Outcome::Passed,
            found: String::new(),
            fix: String::new(),
            section: "Loading".to_owned(),
        };
        let subject = "reducer `x` (x 0.1.0, x.so)".to_owned();
        let steps = [
            Step::Begin(subject.clone(), check("one")),
            Step::End(subject.clone(), check("one")),
            Step::Begin(subject.clone(), check("two")),
        ];
        let lines = steps.map(|step| serde_json::to_string(&step).unwrap());
        let noted = read(&format!("{}\n{{\"cut", lines.join("\n")));
        assert_eq!(noted.reports.len(), 1);
        assert_eq!(noted.reports[0].checks, [check("one")]);
        assert_eq!(noted.checks(), 1);
        assert_eq!(noted.under_way(), "two of reducer `x`");
        assert_eq!(noted.begun, Some((subject, check("two"))));
        assert!(!noted.ended);
    }
}
