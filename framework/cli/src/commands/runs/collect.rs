//! `lapidary runs gc`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lapidary_core::artefact::{Also, Collection, Collector, Store, Thing, Wanted};
use lapidary_core::run::{Record, State};
use serde::Serialize;

use super::summary;
use crate::args::Collect;
use crate::failure::Failure;
use crate::output;

/// `lapidary runs gc --json`
#[derive(Serialize)]
struct Report {
    format: u32,
    dry_run: bool,
    store: PathBuf,
    runs: Vec<PathBuf>,
    removed: Vec<Removed>,
    bytes: u64,
    kept_bytes: u64,
    untold: Vec<String>,
}

#[derive(Serialize)]
struct Removed {
    kind: &'static str,
    path: PathBuf,
    bytes: u64,
}

/// The runs that may refer to what is in the store.
#[derive(Default)]
struct Users {
    folders: Vec<PathBuf>,
    wanted: Wanted,
    /// Names of those that go on.
    running: Vec<String>,
    /// Names of those, of earlier versions, that do not tell what they left unfinished.
    untold: Vec<String>,
}

/// Removes from the store what no run refers to.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: &Collect) -> Result<(), Failure> {
    let root = &command.keep.store;
    if !root.is_dir() {
        return Err(Failure::usage(format!(
            "--store {}: no such folder",
            root.display()
        )));
    }
    let collector = match command.dry_run {
        true => Collector::to_look(root),
        false => Collector::alone(root)?.ok_or_else(|| busy(root))?,
    };
    let users = users(command)?;
    if !command.dry_run && !users.running.is_empty() {
        return Err(Failure::failed(format!(
            "{} may still go on; nothing was removed",
            users.running.join(", ")
        )));
    }
    let also = Also {
        datasets: command.datasets,
        answers: command.answers,
    };
    let found = collector.look(&users.wanted, also)?;
    if !command.dry_run {
        collector.remove(&found.unwanted)?;
    }
    match command.json {
        true => output::print_json(&report(command, users, found)),
        false => output::print(&text(command, &users, &found)),
    }
}

fn busy(root: &Path) -> Failure {
    let text = format!(
        "{}: runs go on with this store; nothing was removed",
        root.display()
    );
    Failure::failed(text)
        .hint("collect when they have ended; --dry-run shows already what could go")
}

/// Reads all runs that are known to have used the store. One that cannot be read might refer to anything.
fn users(command: &Collect) -> Result<Users, Failure> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in command
        .runs
        .iter()
        .cloned()
        .chain(Store::users(&command.keep.store))
    {
        match folder.canonicalize() {
            Ok(real) if !folders.contains(&real) => folders.push(real),
            _ => {}
        }
    }
    if folders.is_empty() {
        let text =
            "no folder of runs is known, so nothing says what is needed; nothing was removed";
        return Err(Failure::usage(text).hint("name it with --runs"));
    }
    let mut users = Users {
        folders,
        wanted: Wanted {
            is_whole: true,
            ..Wanted::default()
        },
        ..Users::default()
    };
    for folder in &users.folders {
        for (name, run) in Record::all(folder)? {
            let run = match run {
                Ok(run) => run,
                // Another program's file refers to nothing.
                Err(lapidary_core::Error::Data { .. }) => continue,
                Err(error) => {
                    let text = format!(
                        "{error}; what this run refers to is not known, so nothing was removed"
                    );
                    return Err(
                        Failure::failed(text).hint("remove it with `lapidary runs rm` first")
                    );
                }
            };
            run.add_to(&mut users.wanted);
            if run.state() == State::Running {
                users.running.push(name.clone());
            }
            if !run.tells_all() {
                users.untold.push(name);
            }
        }
    }
    Ok(users)
}

fn report(command: &Collect, users: Users, found: Collection) -> Report {
    let bytes = bytes(&found.unwanted);
    let removed = |thing: Thing| Removed {
        kind: thing.sort.name(),
        path: thing.path,
        bytes: thing.bytes,
    };
    let root = &command.keep.store;
    Report {
        format: output::FORMAT,
        dry_run: command.dry_run,
        store: std::path::absolute(root).unwrap_or_else(|_| root.clone()),
        runs: users.folders,
        bytes,
        kept_bytes: self::bytes(&found.kept),
        removed: found.unwanted.into_iter().map(removed).collect(),
        untold: users.untold,
    }
}

fn bytes(things: &[Thing]) -> u64 {
    things.iter().map(|thing| thing.bytes).sum()
}

fn text(command: &Collect, users: &Users, found: &Collection) -> String {
    let mut sorts: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    for thing in &found.unwanted {
        let home = thing.path.parent().map(|home| home.display().to_string());
        let name = format!("{} {}", thing.sort.name(), home.unwrap_or_default());
        let sum = sorts.entry(name.trim_end().to_owned()).or_default();
        *sum = (sum.0 + 1, sum.1 + thing.bytes);
    }
    let row = |(name, (count, bytes)): (String, (usize, u64))| {
        [name, count.to_string(), summary::size(bytes)]
    };
    let rows: Vec<[String; 3]> = sorts.into_iter().map(row).collect();
    let mut out = output::columns(&rows);
    let freed = summary::size(bytes(&found.unwanted));
    let kept = summary::size(bytes(&found.kept));
    out += &match command.dry_run {
        true => format!("would free {freed}; {kept} stay\n"),
        false => format!("freed {freed}; {kept} stay\n"),
    };
    if !users.untold.is_empty() {
        out += &format!(
            "unfinished stages and checkpoints stay: {} of an earlier version may need them ({})\n",
            match users.untold.len() {
                1 => "a run".to_owned(),
                n => format!("{n} runs"),
            },
            users.untold.join(", ")
        );
    }
    out
}
