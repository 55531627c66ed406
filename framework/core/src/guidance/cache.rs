//! Answers of language models, kept in SQLite so that no question is paid twice. Processes may share a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapidary_sdk::kinds::{Answer, AttributeSet, LlmInfo, Request};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};

/// Marks the file as ours: "LPDC".
const APPLICATION: i32 = 0x4c50_4443;
const VERSION: i32 = 1;
const BUSY: Duration = Duration::from_secs(60);
const TABLE: &str = "CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, answer TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID";

/// Names an answer.
pub type Key = Fingerprint;

/// Names all answers to the questions of one strategy on one attribute set to one model.
#[derive(Clone)]
pub(super) struct Asker(Fingerprint);

impl Asker {
    pub(super) fn new(model: &LlmInfo, strategy: &str, set: &AttributeSet) -> Result<Self> {
        let set = serde_json::to_value(set).map_err(not_json)?;
        let builder = Builder::new("asker")
            .text("model", &model.fingerprint)
            .text("strategy", strategy)
            .json("attributes", &set);
        Ok(Self(builder.finish()))
    }

    pub(super) fn key(&self, request: &Request) -> Result<Key> {
        let request = serde_json::to_value(request).map_err(not_json)?;
        let builder = Builder::new("answer")
            .part("asker", &self.0)
            .json("request", &request);
        Ok(builder.finish())
    }
}

fn not_json(e: serde_json::Error) -> Error {
    Error::setting("request", format!("cannot be written as JSON: {e}"))
}

/// The answers known so far.
#[derive(Debug)]
pub struct Cache {
    connection: Connection,
    path: PathBuf,
    set_aside: Option<PathBuf>,
}

impl Cache {
    /// Opens the cache at `path`, or begins one. A damaged file is set aside under another name, with a warning, and a
    /// new cache is begun.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be used, [`Error::Damaged`] when SQLite fails for another reason, and
    /// [`Error::Data`] when the file belongs to another program or a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        }
        match connect(path) {
            Ok(connection) => Self::begin(connection, path, None),
            Err(e) if is_damage(&e) => Self::begin_anew(path),
            Err(e) => Err(failed(path)(e)),
        }
    }

    /// A cache that lives as long as the value.
    ///
    /// # Errors
    /// [`Error::Damaged`] when SQLite fails.
    pub fn in_memory() -> Result<Self> {
        let path = Path::new(":memory:");
        let connection = Connection::open_in_memory().map_err(failed(path))?;
        Self::begin(connection, path, None)
    }

    fn begin(connection: Connection, path: &Path, set_aside: Option<PathBuf>) -> Result<Self> {
        if !is_ours(&connection, path)? {
            connection.execute_batch(TABLE).map_err(failed(path))?;
            for (pragma, value) in [("application_id", APPLICATION), ("user_version", VERSION)] {
                let set = connection.pragma_update(None, pragma, value);
                set.map_err(failed(path))?;
            }
        }
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            set_aside,
        })
    }

    /// Sets a damaged file aside. Another process may have done so meanwhile: a lock, and a second look.
    fn begin_anew(path: &Path) -> Result<Self> {
        let lock_path = with_suffix(path, ".lock");
        let lock = File::create(&lock_path).map_err(Error::io(&lock_path))?;
        lock.lock().map_err(Error::io(&lock_path))?;
        let mut aside = None;
        let connection = match connect(path) {
            Err(e) if is_damage(&e) => {
                aside = Some(set_aside(path)?);
                connect(path)
            }
            other => other,
        };
        Self::begin(connection.map_err(failed(path))?, path, aside)
    }

    /// Where a damaged predecessor of this file now lies, if there was one.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Number of answers.
    ///
    /// # Errors
    /// [`Error::Damaged`] when SQLite fails.
    pub fn len(&self) -> Result<u64> {
        let count = "SELECT count(*) FROM answers";
        let count = self.connection.query_row(count, [], |row| row.get(0));
        count.map_err(failed(&self.path))
    }

    /// Whether there are no answers.
    ///
    /// # Errors
    /// [`Error::Damaged`] when SQLite fails.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The answer of that name. One that cannot be read counts as unknown.
    ///
    /// # Errors
    /// [`Error::Damaged`] when SQLite fails.
    pub fn get(&self, key: &Key) -> Result<Option<Answer>> {
        let failed = failed(&self.path);
        let mut select = match self
            .connection
            .prepare_cached("SELECT answer FROM answers WHERE key = ?1")
        {
            Ok(select) => select,
            Err(e) => return Err(failed(e)),
        };
        let text: Option<String> = match select.query_row([key.as_str()], |r| r.get(0)).optional() {
            Ok(text) => text,
            Err(e) => return Err(failed(e)),
        };
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps answers; all of them or none.
    ///
    /// # Errors
    /// [`Error::Damaged`] when SQLite fails.
    pub fn put<'a>(&self, answers: impl IntoIterator<Item = (&'a Key, &'a Answer)>) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |t| t.as_secs() as i64);
        let mut rows = Vec::new();
        for (key, answer) in answers {
            rows.push((
                key.as_str(),
                serde_json::to_string(answer).map_err(not_json)?,
            ));
        }
        self.insert(&rows, now).map_err(failed(&self.path))
    }

    fn insert(&self, rows: &[(&str, String)], now: i64) -> rusqlite::Result<()> {
        // Taking the write lock at once lets SQLite wait for another writer instead of failing midway.
        let transaction =
            rusqlite::Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO answers (key, answer, created) VALUES (?1, ?2, ?3)",
            )?;
            for (key, answer) in rows {
                insert.execute((key, answer, now))?;
            }
        }
        transaction.commit()
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, Some(check)));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Whether the file is a finished cache; refuses one that belongs to others.
fn is_ours(connection: &Connection, path: &Path) -> Result<bool> {
    let number = |pragma| -> Result<i32> {
        let read = connection.pragma_query_value(None, pragma, |row| row.get(0));
        read.map_err(failed(path))
    };
    let tables = "SELECT count(*) FROM sqlite_master WHERE name <> 'answers'";
    let others: i64 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(failed(path))?;
    let (application, version) = (number("application_id")?, number("user_version")?);
    if (application != APPLICATION && application != 0) || (application == 0 && others > 0) {
        let reason = "this is another program's database; name another file for the answers";
        return Err(Error::data(path, None, reason));
    }
    if version > VERSION {
        let reason = format!(
            "written by a newer Lapidary (form {version}, this one reads {VERSION}); name another file"
        );
        return Err(Error::data(path, None, reason));
    }
    Ok(application == APPLICATION && version == VERSION)
}

fn set_aside(path: &Path) -> Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let stamp = format!(".damaged-{}", now.map_or(0, |t| t.as_nanos()));
    let aside = with_suffix(path, &stamp);
    std::fs::rename(path, &aside).map_err(Error::io(path))?;
    for suffix in ["-wal", "-shm"] {
        let part = with_suffix(path, suffix);
        if part.exists() {
            std::fs::rename(&part, with_suffix(&aside, suffix)).map_err(Error::io(&part))?;
        }
    }
    tracing::warn!(
        "{} is damaged; it now lies at {}, and a new cache of answers is begun",
        path.display(),
        aside.display()
    );
    Ok(aside)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn is_damage(e: &rusqlite::Error) -> bool {
    matches!(
        e.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> Error {
    let path = path.to_path_buf();
    move |e| match is_damage(&e) {
        true => Error::damaged(
            &path,
            format!("{e}; run again, it will be set aside and begun anew"),
        ),
        false => Error::io(&path)(std::io::Error::other(e)),
    }
}

#[cfg(test)]
#[path = "cache_test.rs"]
mod tests;
