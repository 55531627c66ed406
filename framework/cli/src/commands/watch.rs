//! `lapidary run --watch`: each run is a process of its own, so that it begins with the plugins and components of its time.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use lapidary_core::files::Stamp;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::run::check_script;
use crate::args::Run;
use crate::failure::Failure;
use crate::{components, output};

/// Variable by which a run is told where to list the files that it reads.
pub const READS: &str = "LAPIDARY_READS";
/// How often is looked for changes.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs the script, and again after each change, until the user ends it.
///
/// # Errors
/// What the user must be told before the first run.
pub fn execute(command: &Run) -> Result<(), Failure> {
    check_script(&command.script)?;
    let failed = |e: std::io::Error| Failure::failed(format!("the script cannot be watched: {e}"));
    let mut stop = Stop {
        signals: Signals::new([SIGINT, SIGTERM]).map_err(failed)?,
        times: 0,
    };
    let list = tempfile::NamedTempFile::new().map_err(failed)?;
    while stop.times() == 0 {
        std::fs::write(list.path(), "").map_err(failed)?;
        let mut watched = Watched::new(command, list.path());
        let mut child = start(list.path()).map_err(failed)?;
        let ended = watched
            .until_change_or_end(&mut child, &mut stop)
            .map_err(failed)?;
        if let Some(status) = ended {
            output::remark(&format!(
                "{}; waiting for changes, Ctrl-C ends",
                how(status)
            ));
            watched.until_change(&mut stop);
        } else {
            interrupt(&mut child, &mut stop).map_err(failed)?;
        }
        if stop.times() == 0 {
            watched.until_quiet();
            output::remark(&format!("\nchanged: {}", watched.changed()));
        }
    }
    Ok(())
}

/// The folder in which a script lies.
pub fn folder_of(script: &Path) -> PathBuf {
    let real = script
        .canonicalize()
        .unwrap_or_else(|_| script.to_path_buf());
    real.parent().unwrap_or(Path::new("/")).to_path_buf()
}

/// Starts the same command without `--watch`, in a process group of its own: Ctrl-C reaches it through this process alone.
fn start(list: &Path) -> std::io::Result<Child> {
    let arguments = std::env::args_os().skip(1).filter(|a| a != "--watch");
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(arguments)
        .env(READS, list)
        .process_group(0)
        .spawn()
}

/// Asks a run to stop at its next safe point, and waits until it did. When the user asks once more, it ends at once.
fn interrupt(child: &mut Child, stop: &mut Stop) -> std::io::Result<()> {
    let id = child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status()?;
    while child.try_wait()?.is_none() {
        if stop.times() > 1 {
            child.kill()?;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Whether the user wants to stop.
struct Stop {
    signals: Signals,
    times: usize,
}

impl Stop {
    /// How often the user has asked.
    fn times(&mut self) -> usize {
        self.times += self.signals.pending().count();
        self.times
    }
}

fn how(status: ExitStatus) -> &'static str {
    match status.success() {
        true => "done",
        false => "failed",
    }
}

/// The files on which a run depends, as they were when it began, or when it read them.
struct Watched<'a> {
    command: &'a Run,
    list: &'a Path,
    read: BTreeMap<PathBuf, Option<Stamp>>,
    components: Vec<(PathBuf, Stamp)>,
}

impl<'a> Watched<'a> {
    fn new(command: &'a Run, list: &'a Path) -> Self {
        let script = command.script.clone();
        let stamp = Stamp::of(&script).ok();
        Self {
            command,
            list,
            read: BTreeMap::from([(script, stamp)]),
            components: components_of(command),
        }
    }

    /// Adds what the run has listed since. A file that changed since it was read, within a moment, is missed.
    fn note_reads(&mut self) {
        let text = std::fs::read_to_string(self.list).unwrap_or_default();
        for path in text.lines().map(PathBuf::from) {
            let stamp = Stamp::of(&path).ok();
            self.read.entry(path).or_insert(stamp);
        }
    }

    /// The file that is no longer as it was; the first of several.
    fn change(&self) -> Option<PathBuf> {
        let other = |(path, stamp): (&PathBuf, &Option<Stamp>)| {
            (Stamp::of(path).ok() != *stamp).then(|| path.clone())
        };
        if let Some(path) = self.read.iter().find_map(other) {
            return Some(path);
        }
        let now = components_of(self.command);
        let differs = |one: &[(PathBuf, Stamp)], two: &[(PathBuf, Stamp)]| {
            one.iter()
                .find(|entry| !two.contains(entry))
                .map(|(path, _)| path.clone())
        };
        differs(&now, &self.components).or_else(|| differs(&self.components, &now))
    }

    /// How the run ended, or nothing when a file changed or the user wants to stop before that.
    fn until_change_or_end(
        &mut self,
        child: &mut Child,
        stop: &mut Stop,
    ) -> std::io::Result<Option<ExitStatus>> {
        loop {
            let ended = child.try_wait()?;
            self.note_reads();
            if ended.is_some() || stop.times() > 0 || self.change().is_some() {
                return Ok(ended);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn until_change(&self, stop: &mut Stop) {
        while stop.times() == 0 && self.change().is_none() {
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until nothing changes any more: an editor or a linker may write in several steps.
    fn until_quiet(&self) {
        let state = || {
            let stamps = self.read.keys().map(|path| Stamp::of(path).ok());
            (stamps.collect::<Vec<_>>(), components_of(self.command))
        };
        let mut before = state();
        loop {
            std::thread::sleep(PAUSE);
            let now = state();
            if now == before {
                return;
            }
            before = now;
        }
    }

    fn changed(&self) -> String {
        let path = self.change();
        path.map_or("a file, and back".to_owned(), |path| {
            path.display().to_string()
        })
    }
}

fn components_of(command: &Run) -> Vec<(PathBuf, Stamp)> {
    components::files(&command.search, &folder_of(&command.script))
}
