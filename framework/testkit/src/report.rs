//! What came of the checks of a component, for people and for programs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What came of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It was not looked at.
    Skipped,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        }
    }
}

/// One named check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked, in a word or two.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found or measured, or why it was skipped; empty where there is nothing to say.
    pub found: String,
    /// What an author does about a failure; empty for all else.
    pub fix: String,
    /// Heading of the section in `ABI.md` that says what must hold.
    pub section: String,
}

/// All checks of one component, or of a library that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Kind, name and origin; or the library's file.
    pub subject: String,
    /// In the order in which they ran.
    pub checks: Vec<Check>,
}

impl Report {
    /// How many checks came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        let same = |check: &&Check| check.outcome == outcome;
        self.checks.iter().filter(same).count()
    }

    /// Whether no check failed.
    pub fn is_sound(&self) -> bool {
        self.count(Outcome::Failed) == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.subject)?;
        let lengths = self.checks.iter().map(|check| check.name.chars().count());
        let width = lengths.max().unwrap_or(0);
        for check in &self.checks {
            let (word, name, found) = (check.outcome.word(), &check.name, &check.found);
            let line = format!("  {word:7}  {name:width$}  {}", indented(found, width));
            writeln!(f, "{}", line.trim_end())?;
            if check.outcome == Outcome::Failed {
                let margin = " ".repeat(width + 13);
                writeln!(f, "{margin}fix: {}", indented(&check.fix, width))?;
                writeln!(f, "{margin}see: ABI.md, section {}", check.section)?;
            }
        }
        let [passed, failed, skipped] =
            [Outcome::Passed, Outcome::Failed, Outcome::Skipped].map(|outcome| self.count(outcome));
        writeln!(f, "  {passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Further lines stand below the first.
fn indented(text: &str, width: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(width + 13)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, outcome: Outcome, found: &str) -> Check {
        Check {
            name: name.to_owned(),
            outcome,
            found: found.to_owned(),
            fix: "mend it".to_owned(),
            section: "Loading".to_owned(),
        }
    }

    #[test]
    fn a_failure_is_shown_with_its_cure_and_its_place() {
        let report = Report {
            subject: "reducer `x`".to_owned(),
            checks: vec![
                check("shapes", Outcome::Passed, ""),
                check("values", Outcome::Failed, "one\ntwo"),
                check("device moves", Outcome::Skipped, "no CUDA device"),
            ],
        };
        assert!(!report.is_sound());
        let expected = "reducer `x`
  passed   shapes
  FAILED   values        one
                         two
                         fix: mend it
                         see: ABI.md, section Loading
  skipped  device moves  no CUDA device
  1 passed, 1 failed, 1 skipped
";
        assert_eq!(report.to_string(), expected);
    }
}
