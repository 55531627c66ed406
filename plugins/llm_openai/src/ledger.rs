//! What was spent: a file of JSON lines, one a paid call, to which processes may add side by side.
//!
//! ```json
//! {"time":1764000000,"server":"http://localhost:8000/v1","model":"m","input_tokens":212,"output_tokens":40,"cost":0.00043}
//! ```

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use lapidary_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// One paid call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in seconds since 1970.
    pub time: u64,
    /// The server's address.
    pub server: String,
    /// The model.
    pub model: String,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// What they cost, at the prices that were set.
    pub cost: f64,
}

impl Entry {
    fn sum(&self) -> Sum {
        Sum {
            tokens: self.input_tokens.saturating_add(self.output_tokens),
            cost: self.cost,
        }
    }
}

/// Tokens and money.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// Tokens, read and written.
    pub tokens: u64,
    /// Money.
    pub cost: f64,
}

impl Sum {
    /// Both sums as one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            cost: self.cost + other.cost,
        }
    }
}

/// Paid calls, in a file or, without one, of this process alone.
#[derive(Debug)]
pub struct Ledger {
    path: Option<PathBuf>,
    /// Bytes and lines of the file that are in `sum`.
    read: u64,
    lines: usize,
    sum: Sum,
}

impl Ledger {
    /// Opens the ledger at `path`, which appears with its first entry; none where the path is empty.
    ///
    /// # Errors
    /// When it cannot be read, its folder is not there, or a line is no entry.
    pub fn open(path: &str) -> Result<Self> {
        let path = Some(PathBuf::from(path)).filter(|p| !p.as_os_str().is_empty());
        if let Some(path) = &path {
            let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|f| !f.is_dir()) {
                let text = format!(
                    "`ledger`: there is no folder {}; make it first",
                    folder.display()
                );
                return Err(Error::invalid(text));
            }
        }
        let mut ledger = Self {
            path,
            read: 0,
            lines: 0,
            sum: Sum::default(),
        };
        ledger.sum()?;
        Ok(ledger)
    }

    /// Its file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What was spent until now, by this process and all others that share the file.
    ///
    /// # Errors
    /// When the file cannot be read or a line is no entry.
    pub fn sum(&mut self) -> Result<Sum> {
        if let Some(path) = self.path.clone() {
            match File::open(&path) {
                Ok(file) => self.read_on(file, &path)?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(&path)(e)),
            }
        }
        Ok(self.sum)
    }

    /// Reads the whole lines that came since the last look.
    fn read_on(&mut self, mut file: File, path: &Path) -> Result<()> {
        let failed = || Error::io(path);
        file.seek(SeekFrom::Start(self.read)).map_err(failed())?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed())?;
        let end = text.rfind('\n').map_or(0, |at| at + 1);
        let (mut sum, mut lines) = (self.sum, self.lines);
        for line in text.get(..end).unwrap_or_default().lines() {
            lines += 1;
            if line.trim().is_empty() {
                continue;
            }
            let entry: Entry = serde_json::from_str(line).map_err(|e| {
                Error::invalid(format!(
                    "ledger {}:{}: {e}; mend the line or take it out",
                    path.display(),
                    lines
                ))
            })?;
            sum = sum.and(entry.sum());
        }
        (self.sum, self.lines) = (sum, lines);
        self.read += end as u64;
        Ok(())
    }

    /// Adds a paid call. It is on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, entry: &Entry) -> Result<()> {
        let Some(path) = self.path.clone() else {
            self.sum = self.sum.and(entry.sum());
            return Ok(());
        };
        let mut line = serde_json::to_vec(entry).map_err(Error::json("ledger"))?;
        line.push(b'\n');
        append(&path, line).map_err(Error::io(&path))
    }
}

/// Appends a line, alone: processes that share the file take turns.
fn append(path: &Path, mut line: Vec<u8>) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    file.lock()?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            line.insert(0, b'\n');
        }
    }
    file.write_all(&line)?;
    file.sync_data()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |t| t.as_secs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(input: u64, output: u64, cost: f64) -> Entry {
        Entry {
            time: 1,
            server: "http://x/v1".to_owned(),
            model: "m".to_owned(),
            input_tokens: input,
            output_tokens: output,
            cost,
        }
    }

    #[test]
    fn what_one_adds_all_see() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        let open = || Ledger::open(path.to_str().unwrap()).unwrap();
        let (mut one, mut other) = (open(), open());
        assert!(!path.exists(), "nothing is spent yet");
        one.add(&entry(10, 2, 0.5)).unwrap();
        other.add(&entry(5, 3, 0.25)).unwrap();
        let all = Sum {
            tokens: 20,
            cost: 0.75,
        };
        assert_eq!(one.sum().unwrap(), all);
        assert_eq!(other.sum().unwrap(), all);
        assert_eq!(open().sum().unwrap(), all);
    }

    #[test]
    fn threads_add_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        let path = path.to_str().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut ledger = Ledger::open(path).unwrap();
                    for _ in 0..25 {
                        ledger.add(&entry(1, 1, 0.0)).unwrap();
                    }
                });
            }
        });
        assert_eq!(Ledger::open(path).unwrap().sum().unwrap().tokens, 200);
    }

    #[test]
    fn a_line_without_an_end_is_ended_and_a_broken_one_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        let line = serde_json::to_string(&entry(7, 0, 0.0)).unwrap();
        std::fs::write(&path, &line).unwrap();
        let mut ledger = Ledger::open(path.to_str().unwrap()).unwrap();
        ledger.add(&entry(1, 0, 0.0)).unwrap();
        assert_eq!(ledger.sum().unwrap().tokens, 8);
        std::fs::write(&path, format!("{line}\n\n{{\"time\": 3\n")).unwrap();
        let message = Ledger::open(path.to_str().unwrap())
            .unwrap_err()
            .to_string();
        assert!(message.contains("spent.jsonl:3"), "{message}");
        std::fs::write(&path, format!("{line}\n")).unwrap();
        let mut ledger = Ledger::open(path.to_str().unwrap()).unwrap();
        std::fs::write(&path, format!("{line}\n{line}\nbroken\n")).unwrap();
        assert!(ledger.sum().is_err() && ledger.sum().is_err());
        std::fs::write(&path, format!("{line}\n{line}\n{line}\n")).unwrap();
        assert_eq!(ledger.sum().unwrap().tokens, 21);
        let nowhere = folder.path().join("no/such/spent.jsonl");
        let message = Ledger::open(nowhere.to_str().unwrap())
            .unwrap_err()
            .to_string();
        assert!(message.contains("there is no folder"), "{message}");
    }

    #[test]
    fn without_a_file_it_counts_for_itself() {
        let mut ledger = Ledger::open("").unwrap();
        ledger.add(&entry(3, 4, 1.0)).unwrap();
        assert_eq!(
            ledger.sum().unwrap(),
            Sum {
                tokens: 7,
                cost: 1.0
            }
        );
        assert_eq!(ledger.path(), None);
    }
}
