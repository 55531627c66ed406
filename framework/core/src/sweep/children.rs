//! Runs as processes of their own. Each has a pipe to its standard input that nothing is written to: when it closes, because
//! this process wants to stop or is no more, the run stops at its next safe point.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::run::{Record, State};
use crate::{files, interrupt};

/// Variable by which a run is told that it belongs to a sweep: the file into which it writes where its folder is.
pub const TOLD: &str = "LAPIDARY_SWEEP";
/// How often is looked for what ended.
const PAUSE: Duration = Duration::from_millis(50);
/// How long runs may take to come to a safe point before they are killed.
const GRACE: Duration = Duration::from_secs(60);

/// A run to be started.
#[derive(Clone, Debug)]
pub struct Task {
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// A path without an ending; what the run prints and says is written beside it, as `.out` and `.err`.
    pub files: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Its folder, where it came to make one.
    pub run: Option<Record>,
    /// Why it failed, all of it; nothing where it is done.
    pub failed: Option<String>,
}

/// Writes where a run's folder is into the file that [`TOLD`] names.
///
/// # Errors
/// [`Error::Io`].
pub fn tell(file: &Path, folder: &Path) -> Result<()> {
    let folder = std::path::absolute(folder).map_err(Error::io(folder))?;
    files::replace(file, |new| {
        std::fs::write(new, folder.as_os_str().as_encoded_bytes()).map_err(Error::io(new))
    })
}

/// The name of the run that started the sweep, from the file that [`TOLD`] names: `RUN/sweeps/NAME/001.run`.
pub fn of(file: &Path) -> Option<String> {
    let name = file.ancestors().nth(3)?.file_name()?;
    Some(name.to_string_lossy().into_owned())
}

/// Runs all tasks, at most `at_once` at the same time, and hands over the number of each as it ends, with how.
///
/// # Errors
/// What `ended` reports, [`Error::Io`] when a process cannot be started, and [`Error::Interrupted`]; all runs are stopped then.
pub fn run_all(
    tasks: &[Task],
    at_once: usize,
    mut ended: impl FnMut(usize, Ended) -> Result<()>,
) -> Result<()> {
    let mut running = Running(Vec::new());
    let mut next = 0;
    while next < tasks.len() || !running.0.is_empty() {
        interrupt::check()?;
        while next < tasks.len() && running.0.len() < at_once {
            running.0.push((next, start(&tasks[next])?));
            next += 1;
        }
        std::thread::sleep(PAUSE);
        for (number, status) in running.take_ended()? {
            ended(number, how(&tasks[number], status))?;
        }
    }
    Ok(())
}

/// Runs that go on; dropping them stops them.
struct Running(Vec<(usize, Child)>);

impl Running {
    fn take_ended(&mut self) -> Result<Vec<(usize, ExitStatus)>> {
        let mut ended = Vec::new();
        let mut error = None;
        self.0.retain_mut(|(number, child)| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                ended.push((*number, status));
                false
            }
            Err(e) => {
                error = Some(e);
                true
            }
        });
        match error {
            Some(e) => Err(Error::io("a run of the sweep")(e)),
            None => Ok(ended),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            drop(child.stdin.take());
        }
        let begun = Instant::now();
        while !self.0.is_empty() && begun.elapsed() < GRACE {
            self.0
                .retain_mut(|(_, child)| matches!(child.try_wait(), Ok(None)));
            std::thread::sleep(PAUSE);
        }
        for (_, child) in &mut self.0 {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a run, in a process group of its own: Ctrl-C reaches it through this process alone.
fn start(task: &Task) -> Result<Child> {
    let Some((program, arguments)) = task.command.split_first() else {
        return Err(Error::setting("sweep", "no program to start runs with"));
    };
    let file = |ending: &str| {
        let path = task.files.with_extension(ending);
        File::create(&path).map_err(Error::io(path))
    };
    let told = task.files.with_extension("run");
    if told.exists() {
        files::remove(&told)?;
    }
    Command::new(program)
        .args(arguments)
        .env(TOLD, told)
        .stdin(Stdio::piped())
        .stdout(file("out")?)
        .stderr(file("err")?)
        .process_group(0)
        .spawn()
        .map_err(Error::io(program))
}

fn how(task: &Task, status: ExitStatus) -> Ended {
    let told = std::fs::read_to_string(task.files.with_extension("run"));
    let run = told
        .ok()
        .and_then(|folder| Record::open(Path::new(&folder)).ok());
    let failed = match &run {
        Some(run) if run.state() == State::Done && status.success() => None,
        run => Some(why(task, status, run.as_ref())),
    };
    Ended { run, failed }
}

/// Why a run failed: as it noted itself, or by what killed it, or by the last that it said.
fn why(task: &Task, status: ExitStatus, run: Option<&Record>) -> String {
    if let Some(message) = run.and_then(Record::message) {
        return message.trim_end().to_owned();
    }
    let said = std::fs::read(task.files.with_extension("err")).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines = said.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.collect();
    let last = last_error(&lines).or_else(|| lines.last().map(|&line| line.to_owned()));
    match (status.signal(), last) {
        (Some(signal), Some(last)) => format!("killed by signal {signal}; it said last: {last}"),
        (Some(signal), None) => format!("killed by signal {signal}"),
        (None, Some(last)) => last,
        (None, None) => status.to_string(),
    }
}

/// The last error that a run told, without the hint below it.
fn last_error(lines: &[&str]) -> Option<String> {
    let at = lines.iter().rposition(|line| line.starts_with("error: "))?;
    let error = lines[at..].iter().copied();
    let error = error.take_while(|line| !line.starts_with("hint: "));
    let error = error.collect::<Vec<_>>().join("\n");
    error.strip_prefix("error: ").map(str::to_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn task(at: &Path, number: usize, script: &str) -> Task {
        let command = ["sh", "-c", script].map(OsString::from).to_vec();
        let files = at.join(number.to_string());
        Task { command, files }
    }

    #[test]
    fn as_many_go_on_at_once_as_are_told() {
        let at = tempfile::tempdir().unwrap();
        let marks = at.path().join("marks");
        std::fs::create_dir(&marks).unwrap();
        // Each fails when it sees more than two at work.
        let script = format!(
            "touch {0}/$$; sleep 0.2; n=$(ls {0} | wc -l); rm {0}/$$; [ $n -le 2 ] || echo error: $n >&2; exit 3",
            marks.display()
        );
        let tasks: Vec<Task> = (0..6).map(|n| task(at.path(), n, &script)).collect();
        let mut said = Vec::new();
        run_all(&tasks, 2, |number, ended| {
            said.push((number, ended.failed.unwrap()));
            Ok(())
        })
        .unwrap();
        said.sort();
        assert_eq!(said.len(), 6);
        assert!(
            said.iter().all(|(_, why)| why == "exit status: 3"),
            "{said:?}"
        );
    }

    #[test]
    fn the_reason_is_an_error_or_a_signal_or_the_last_line() {
        let at = tempfile::tempdir().unwrap();
        let scripts = [
            "echo warning >&2; echo error: no luck: >&2; echo today >&2; echo hint: try again >&2; exit 1",
            "echo the last >&2; exit 1",
            "echo working >&2; kill -9 $$",
            "kill -9 $$",
        ];
        let tasks: Vec<Task> = (0..4).map(|n| task(at.path(), n, scripts[n])).collect();
        let mut said = vec![String::new(); 4];
        run_all(&tasks, 4, |number, ended| {
            said[number] = ended.failed.unwrap();
            Ok(())
        })
        .unwrap();
        let expected = [
            "no luck:\ntoday",
            "the last",
            "killed by signal 9; it said last: working",
            "killed by signal 9",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_failure_of_this_process_stops_the_runs() {
        let at = tempfile::tempdir().unwrap();
        let done = at.path().join("stopped");
        let waits = format!("cat; touch {}", done.display());
        let tasks = [task(at.path(), 0, &waits), task(at.path(), 1, "exit 0")];
        let failed = run_all(&tasks, 2, |_, _| Err(Error::Interrupted));
        assert!(failed.unwrap_err().is_interrupt());
        assert!(done.exists(), "it was asked to stop, and did");
    }
}
