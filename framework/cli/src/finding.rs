//! Runs as the command line names them: by folder, by name, by the beginning of a name, or as the latest.

use std::path::{Path, PathBuf};

use lapidary_core::run::Record;
use lapidary_core::suggest;

use crate::failure::Failure;

/// How many runs of an ambiguous beginning are told.
const TOLD: usize = 5;
/// The latest run.
const LAST: &str = "last";

/// The folder of the run that is meant; names are looked for in the folder `runs`, or in the one that stands before them.
/// `last` is the latest run, `last~2` the second before it, `base@last` the latest of the script `base`.
///
/// # Errors
/// Wrong use: there is no such run, with the nearest names, or there are several.
pub fn find(named: &Path, runs: &Path) -> Result<PathBuf, Failure> {
    if is_run(named) {
        return Ok(named.to_path_buf());
    }
    let above = named.parent().filter(|p| !p.as_os_str().is_empty());
    let home = above.unwrap_or(runs);
    let wanted = named.file_name().unwrap_or_default().to_string_lossy();
    let entries = std::fs::read_dir(home).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| is_run(&entry.path()));
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    if names.iter().any(|name| *name == wanted) {
        return Ok(home.join(&*wanted));
    }
    if let Some((script, before)) = last(&wanted) {
        let runs = latest_first(home, |name| is_of(name, script));
        return match runs.get(before) {
            Some(name) => Ok(home.join(name)),
            None if runs.is_empty() => Err(unknown(named, home, &wanted, &names)),
            None => Err(too_far_back(named, &wanted, runs.len())),
        };
    }
    let begins = |name: &&String| !wanted.is_empty() && name.starts_with(&*wanted);
    let begun: Vec<&String> = names.iter().filter(begins).collect();
    match begun.as_slice() {
        [one] => Ok(home.join(one)),
        [] if named.is_dir() => Ok(named.to_path_buf()),
        [] => Err(unknown(named, home, &wanted, &names)),
        several => {
            let text = format!("`{wanted}` begins the names of {} runs", several.len());
            let mut latest = latest_first(home, |name| name.starts_with(&*wanted));
            latest.truncate(TOLD);
            let hint = format!("the latest are {}", latest.join(", "));
            let hint = match latest.first().filter(|first| is_of(first, &wanted)) {
                Some(_) => format!("{hint}; `{wanted}@{LAST}` is the first of these"),
                None => hint,
            };
            Err(Failure::usage(text).hint(hint))
        }
    }
}

fn is_run(folder: &Path) -> bool {
    folder.join("run.json").is_file()
}

/// What `base@last~2` asks for: the runs of which script, and the how manieth before the latest.
fn last(wanted: &str) -> Option<(&str, usize)> {
    let (beginning, last) = wanted.rsplit_once('@').unwrap_or(("", wanted));
    match last.strip_prefix(LAST)? {
        "" => Some((beginning, 0)),
        more => Some((beginning, more.strip_prefix('~')?.parse().ok()?)),
    }
}

/// The names of a folder's runs that are meant, the latest first and then those that cannot be read.
fn latest_first(home: &Path, is_meant: impl Fn(&str) -> bool) -> Vec<String> {
    let all = Record::all(home).unwrap_or_default().into_iter().rev();
    let names = all.map(|(name, _)| name);
    names.filter(|name| is_meant(name)).collect()
}

/// Whether a run is of a script by its name, `quickstart` and `quickstart-20260131-174502`; all are of none.
fn is_of(run: &str, script: &str) -> bool {
    let rest = run.strip_prefix(script);
    script.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn too_far_back(named: &Path, wanted: &str, runs: usize) -> Failure {
    let (last, _) = wanted.split_once('~').unwrap_or((wanted, ""));
    let place = named.display();
    let text = match runs {
        1 => format!("{place}: there is one such run, `{last}`"),
        _ => format!(
            "{place}: there are {runs} such runs; `{last}~{}` is the first",
            runs - 1
        ),
    };
    Failure::usage(text)
}

fn unknown(named: &Path, home: &Path, wanted: &str, names: &[String]) -> Failure {
    let failure = Failure::usage(format!("{}: no such run", named.display()));
    let nearest = suggest::nearest(wanted, names);
    if nearest.is_empty() {
        return failure.hint(format!(
            "name a folder that `lapidary run` made, or the beginning of its name; `lapidary runs list --runs {}` lists them",
            home.display()
        ));
    }
    failure.hint(format!("did you mean {}?", nearest.join(", ")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A folder of runs that began one after the other.
    fn runs(names: &[&str]) -> tempfile::TempDir {
        let at = tempfile::tempdir().unwrap();
        for (second, name) in names.iter().enumerate() {
            let folder = at.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let started = format!("2026-01-01T00:00:{second:02}.000Z");
            let told = format!(
                "{{\"format\": 1, \"outcome\": \"done\", \"script\": null, \"started\": \"{started}\"}}"
            );
            std::fs::write(folder.join("run.json"), told).unwrap();
        }
        at
    }

    fn found(named: &str, runs: &Path) -> Option<String> {
        let found = find(Path::new(named), runs).ok()?;
        is_run(&found).then(|| found.file_name().unwrap().to_string_lossy().into_owned())
    }

    #[test]
    fn a_run_is_found_by_folder_name_and_beginning() {
        let at = runs(&["first-20260101", "first-20260102", "second-20260101"]);
        let runs = at.path();
        std::fs::create_dir(runs.join("third")).unwrap();
        let second = Some("second-20260101".to_owned());
        let (whole, cut) = (runs.join("second-20260101"), runs.join("sec"));
        for named in ["second-20260101", "sec"] {
            assert_eq!(found(named, runs), second);
        }
        for named in [whole, cut] {
            assert_eq!(found(named.to_str().unwrap(), Path::new("/")), second);
        }
        assert_eq!(found("first-20260102", runs).unwrap(), "first-20260102");
        for none in ["first", "third", "", "secnd-20260101", ".."] {
            assert_eq!(found(none, runs), None, "{none}");
        }
    }

    #[test]
    fn the_latest_is_the_one_that_began_last() {
        let at = runs(&["b-1", "c-1", "b-2", "a-1"]);
        let runs = at.path();
        std::fs::create_dir(runs.join("z-broken")).unwrap();
        std::fs::write(runs.join("z-broken/run.json"), "{").unwrap();
        for (named, expected) in [
            ("last", Some("a-1")),
            ("last~1", Some("b-2")),
            ("last~3", Some("b-1")),
            ("last~4", Some("z-broken")),
            ("last~5", None),
            ("b@last", Some("b-2")),
            ("b@last~1", Some("b-1")),
            ("b@last~2", None),
            ("d@last", None),
            ("last~", None),
            ("last~x", None),
            ("lastly", None),
        ] {
            assert_eq!(found(named, runs).as_deref(), expected, "{named}");
        }
        let whole = runs.join("b@last");
        assert_eq!(
            found(whole.to_str().unwrap(), Path::new("/")).unwrap(),
            "b-2"
        );
    }

    #[test]
    fn a_run_that_is_called_last_goes_first() {
        let at = runs(&["last", "later"]);
        assert_eq!(found("last", at.path()).unwrap(), "last");
        assert_eq!(found("later@last", at.path()).unwrap(), "later");
        assert_eq!(found("la@last", at.path()), None, "another script's");
    }
}
