//! Runs as they are found: what `run.json` tells, and whether the run still goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::folder::{LOCK, MANIFEST};
use super::manifest::FORMAT;
use crate::artefact::read_json;
use crate::error::{Error, Result};
use crate::lock::{self, Lock};

/// A run that holds no lock, of an earlier version, may still go on when its files changed since.
const QUIET: Duration = Duration::from_secs(24 * 60 * 60);

/// How a run ended, or that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its script reached the end.
    Done,
    /// It failed.
    Failed,
    /// The user stopped it.
    Interrupted,
    /// It goes on.
    Running,
    /// Its process ended without telling how.
    Killed,
}

impl State {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Running => "running",
            Self::Killed => "killed",
        }
    }
}

/// A run's folder, read.
#[derive(Clone, Debug)]
pub struct Record {
    folder: PathBuf,
    state: State,
    json: Value,
}

/// What stands in a folder of runs: its name, and the run, or why it cannot be read.
pub type Listed = (String, Result<Record>);

impl Record {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// [`Error::Data`] when it is none, or its `run.json` is another program's; [`Error::Setting`] when it is a newer
    /// version's; [`Error::Damaged`] when it is broken.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(MANIFEST);
        if !file.is_file() {
            let reason = "no run.json in it; name the folder of a run, such as runs/quickstart-20260131-174502";
            return Err(Error::data(folder, None, reason));
        }
        let json: Value = read_json(&file)?;
        let foreign = |reason: &str| Err(Error::data(&file, None, reason));
        if !json.is_object() {
            return foreign("no run of Lapidary: it holds no object");
        }
        let known = ["outcome", "script", "started"];
        let Some(format) = json
            .get("format")
            .and_then(Value::as_u64)
            .filter(|_| known.iter().all(|key| json.get(*key).is_some()))
        else {
            return foreign(
                "no run of Lapidary: `format`, `outcome`, `script` or `started` is missing",
            );
        };
        if format > FORMAT {
            let reason = "written by a newer version of Lapidary";
            return Err(Error::setting(file.display().to_string(), reason));
        }
        let state = match json.get("outcome").and_then(Value::as_str) {
            Some("done") => State::Done,
            Some("failed") => State::Failed,
            Some("interrupted") => State::Interrupted,
            Some("running") if goes_on(folder)? => State::Running,
            Some("running") => State::Killed,
            _ => return foreign("no run of Lapidary: its `outcome` is none"),
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            state,
            json,
        })
    }

    /// All runs in a folder, oldest first by their names' time; what cannot be read is told as such. Folders without
    /// `run.json` are none.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be read.
    pub fn all(runs: &Path) -> Result<Vec<Listed>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(runs).map_err(Error::io(runs))? {
            let path = entry.map_err(Error::io(runs))?.path();
            let Some(name) = path.file_name().map(|n| n.to_string_lossy().into_owned()) else {
                continue;
            };
            if path.join(MANIFEST).is_file() {
                all.push((name, Self::open(&path)));
            }
        }
        let started = |listed: &Listed| match &listed.1 {
            Ok(run) => run.started().to_owned(),
            Err(_) => String::new(),
        };
        all.sort_by_cached_key(|listed| (started(listed), listed.0.clone()));
        Ok(all)
    }

    /// Its folder, as it was named.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder's name.
    pub fn name(&self) -> String {
        let whole = self.folder.canonicalize();
        let whole = whole.as_deref().unwrap_or(&self.folder);
        let name = whole.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// How it ended.
    pub fn state(&self) -> State {
        self.state
    }

    /// Why it failed.
    pub fn message(&self) -> Option<&str> {
        self.text("message")
    }

    /// The script that was run.
    pub fn script(&self) -> Option<&Path> {
        self.get("script")["path"].as_str().map(Path::new)
    }

    /// SHA-256 of the script, 64 hexadecimal digits.
    pub fn script_sha256(&self) -> Option<&str> {
        self.get("script")["sha256"].as_str()
    }

    /// The command line.
    pub fn command(&self) -> Vec<&str> {
        let parts = self.get("command").as_array();
        let parts = parts.into_iter().flatten();
        parts.filter_map(Value::as_str).collect()
    }

    /// When it started, as RFC 3339 in UTC.
    pub fn started(&self) -> &str {
        self.text("started").unwrap_or_default()
    }

    /// How long it took, or has taken so far, in seconds.
    pub fn seconds(&self) -> Option<f64> {
        if self.state != State::Running {
            return self.get("seconds").as_f64();
        }
        self.age().map(|age| age.as_millis() as f64 / 1000.0)
    }

    /// How long ago it started; nothing where it does not tell.
    pub fn age(&self) -> Option<Duration> {
        let started: DateTime<Utc> = self.started().parse().ok()?;
        (Utc::now() - started).to_std().ok()
    }

    /// `cpu` or `cuda:N`.
    pub fn device(&self) -> &str {
        self.text("device").unwrap_or_default()
    }

    /// What `--seed` gave.
    pub fn seed(&self) -> Option<u64> {
        self.get("seed").as_u64()
    }

    /// Whether nothing was computed.
    pub fn is_dry(&self) -> bool {
        *self.get("dry_run") == Value::Bool(true)
    }

    /// The script's settings with the values that they had, and those of `--set` that it did not come to ask for.
    pub fn settings(&self) -> BTreeMap<&str, &Value> {
        let set = self.section("set").chain(self.section("settings"));
        set.collect()
    }

    /// What an object of `run.json` holds, in its order; nothing where there is none.
    pub fn section(&self, name: &str) -> impl Iterator<Item = (&str, &Value)> {
        let entries = self.get(name).as_object();
        let entries = entries.into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), value))
    }

    /// All that `run.json` holds, an object.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// A value of `run.json`; null where there is none.
    pub fn get(&self, key: &str) -> &Value {
        self.json.get(key).unwrap_or(&Value::Null)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.get(key).as_str()
    }
}

/// Removes the folder of a run that does not go on, `run.json` last, so that one removed by half is still known as a run.
/// Returns how many bytes that freed.
///
/// # Errors
/// [`Error::Setting`] when the run goes on; [`Error::Io`].
pub fn remove(folder: &Path) -> Result<u64> {
    let goes_on = |reason: &str| Err(Error::setting(folder.display().to_string(), reason));
    let _lock: Option<Lock> = match lock::is_held(&folder.join(LOCK))? {
        None if Record::open(folder).is_ok_and(|run| run.state == State::Running) => {
            return goes_on(
                "an earlier version of Lapidary began this run within the last day, and it may go on",
            );
        }
        None => None,
        Some(_) => match lock::try_take(&folder.join(LOCK))? {
            None => return goes_on("this run still goes on; interrupt it first"),
            held => held,
        },
    };
    let bytes = crate::files::bytes_below(folder);
    let last = [MANIFEST, LOCK];
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        if !last.iter().any(|name| entry.file_name() == *name) {
            crate::files::remove(&entry.path())?;
        }
    }
    std::fs::remove_dir_all(folder).map_err(Error::io(folder))?;
    Ok(bytes)
}

/// Whether a run that told no end goes on.
fn goes_on(folder: &Path) -> Result<bool> {
    if let Some(held) = lock::is_held(&folder.join(LOCK))? {
        return Ok(held);
    }
    let changed = |name: &str| std::fs::metadata(folder.join(name)).and_then(|m| m.modified());
    let changes = [MANIFEST, "metrics.jsonl"].into_iter().flat_map(changed);
    let age = |at: SystemTime| at.elapsed().unwrap_or_default();
    Ok(changes.map(age).any(|age| age < QUIET))
}
