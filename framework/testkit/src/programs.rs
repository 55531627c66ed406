//! Other programs that tests ask: each is used where it is there, and a test that lacks one says that it is skipped.

use std::process::Command;

const REQUIRE_ALL: &str = "LAPIDARY_REQUIRE_ALL";
/// Prints those of its arguments that cannot be imported.
const LACKING: &str = "import sys; from importlib.util import find_spec; \
                       print(*[name for name in sys.argv[1:] if not find_spec(name)], sep=', ')";

/// Says why a test is skipped.
///
/// # Panics
/// When `LAPIDARY_REQUIRE_ALL` is 1, as in CI, where everything is installed.
pub fn skipped(why: &str) {
    skip(why, std::env::var(REQUIRE_ALL).is_ok_and(|set| set == "1"));
}

fn skip(why: &str, all_required: bool) {
    assert!(
        !all_required,
        "{why} (with {REQUIRE_ALL}=1 no test is skipped)"
    );
    println!("skipped: {why}");
}

/// The Python that can import `modules`: the one that `LAPIDARY_PYTHON` names, or `python3`; nothing where it lacks some, and
/// the test is skipped.
///
/// # Panics
/// As [`skipped`] does.
pub fn python(modules: &[&str]) -> Option<String> {
    let python = std::env::var("LAPIDARY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let lacking = lacking(&python, modules);
    if lacking.is_empty() {
        return Some(python);
    }
    skipped(&format!(
        "{python} lacks {lacking}; name a Python with the packages of tests/requirements.txt in LAPIDARY_PYTHON"
    ));
    None
}

/// Those of `modules` that a Python does not have; all of them where it does not run.
fn lacking(python: &str, modules: &[&str]) -> String {
    let asked = Command::new(python)
        .args(["-c", LACKING])
        .args(modules)
        .output();
    match asked {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => modules.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_python_lacks_is_told() {
        let modules = ["json", "no_such_module", "sys", "nor_this"];
        assert_eq!(lacking("python3", &modules), "no_such_module, nor_this");
        assert_eq!(lacking("python3", &["json"]), "");
        assert_eq!(
            lacking("no-such-python", &["json", "sys"]),
            "json, sys",
            "one that does not run has nothing"
        );
    }

    #[test]
    fn a_test_is_skipped_where_not_all_is_required() {
        skip("no browser", false);
    }

    #[test]
    #[should_panic(expected = "no browser (with LAPIDARY_REQUIRE_ALL=1 no test is skipped)")]
    fn a_test_that_would_be_skipped_fails_where_all_is_required() {
        skip("no browser", true);
    }
}
