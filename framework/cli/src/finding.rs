//! Runs as the command line names them: by folder, by name, or by the beginning of a name.

use std::path::{Path, PathBuf};

use lapidary_core::suggest;

use crate::failure::Failure;

/// How many runs of an ambiguous beginning are told.
const TOLD: usize = 5;

/// The folder of the run that is meant; names are looked for in the folder `runs`, or in the one that stands before them.
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
    let begins = |name: &&String| !wanted.is_empty() && name.starts_with(&*wanted);
    let begun: Vec<&String> = names.iter().filter(begins).collect();
    match begun.as_slice() {
        [one] => Ok(home.join(one)),
        [] if named.is_dir() => Ok(named.to_path_buf()),
        [] => Err(unknown(named, home, &wanted, &names)),
        several => {
            let text = format!("`{wanted}` begins the names of {} runs", several.len());
            let latest = several.iter().rev().take(TOLD);
            let latest: Vec<&str> = latest.map(|name| name.as_str()).collect();
            Err(Failure::usage(text).hint(format!("the latest are {}", latest.join(", "))))
        }
    }
}

fn is_run(folder: &Path) -> bool {
    folder.join("run.json").is_file()
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

    #[test]
    fn a_run_is_found_by_folder_name_and_beginning() {
        let at = tempfile::tempdir().unwrap();
        let runs = at.path().join("runs");
        for name in ["first-20260101", "first-20260102", "second-20260101"] {
            std::fs::create_dir_all(runs.join(name)).unwrap();
            std::fs::write(runs.join(name).join("run.json"), "{}").unwrap();
        }
        std::fs::create_dir(runs.join("third")).unwrap();
        let found = |named: &str| find(Path::new(named), &runs).ok();
        let second = Some(runs.join("second-20260101"));
        assert_eq!(found("second-20260101"), second);
        assert_eq!(found("sec"), second);
        let whole = runs.join("second-20260101");
        assert_eq!(found(whole.to_str().unwrap()), second);
        assert_eq!(found(runs.join("sec").to_str().unwrap()), second);
        assert_eq!(found("first-20260102"), Some(runs.join("first-20260102")));
        for none in ["first", "third", "", "secnd-20260101", ".."] {
            assert_eq!(
                found(none).filter(|f| f.join("run.json").exists()),
                None,
                "{none}"
            );
        }
    }
}
