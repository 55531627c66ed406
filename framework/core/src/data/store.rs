//! Writing the stored form of a data set: a folder of raw little-endian columns, identifiers, text and a manifest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::item::ItemText;
use super::mapped::Check;
use crate::artefact::write_json;
use crate::error::{Error, Result};
use crate::files;
use crate::fingerprint::{Builder, Fingerprint};

/// The layout's version; another one is imported anew.
pub(super) const VERSION: u32 = 1;
/// What names of temporary folders begin with: of one being written, and of one being replaced.
pub(super) const TEMPORARY: [&str; 2] = [files::NEW, ".old-"];
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const OFFSETS: &str = "offsets.i64";
pub(super) const ITEMS: &str = "items.i32";
pub(super) const TIMES: &str = "times.i64";
pub(super) const RATINGS: &str = "ratings.f32";
pub(super) const USER_IDS: &str = "users.txt";
pub(super) const ITEM_IDS: &str = "item_ids.txt";
pub(super) const TEXT: &str = "items.jsonl";

/// What `manifest.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub version: u32,
    pub name: String,
    pub users: usize,
    pub items: usize,
    pub interactions: usize,
    /// Over the contents of all files, not over the name.
    pub fingerprint: Fingerprint,
    pub files: BTreeMap<String, Check>,
}

/// A data set in memory, ready to be stored. Users' interactions stand oldest first; equal times keep the source's order.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Name for people.
    pub name: String,
    /// Identifier of each user, U in all.
    pub users: Vec<String>,
    /// Identifier and text of each item, V in all.
    pub items: Vec<ItemText>,
    /// U + 1 positions: user `u` owns the interactions from `offsets[u]` to `offsets[u + 1]`.
    pub offsets: Vec<u64>,
    /// Item number of each interaction.
    pub interactions: Vec<u32>,
    /// Time of each interaction in unix seconds, where the source has times.
    pub times: Option<Vec<i64>>,
    /// Rating of each interaction, NaN where it is not known; none where the source has no ratings.
    pub ratings: Option<Vec<f32>>,
}

impl Contents {
    fn check(&self) -> Result<()> {
        let n = self.interactions.len();
        let rising = self.offsets.windows(2).all(|w| w[0] <= w[1]);
        let ends = (self.offsets.first(), self.offsets.last());
        let reason = if n == 0 {
            "holds no interaction".to_owned()
        } else if self.offsets.len() != self.users.len() + 1
            || ends != (Some(&0), Some(&(n as u64)))
            || !rising
        {
            format!(
                "the offsets do not cut {n} interactions among {} users",
                self.users.len()
            )
        } else if self.items.len() > i32::MAX as usize || self.users.len() > u32::MAX as usize {
            "more users or items than can be numbered".to_owned()
        } else if let Some(i) = self
            .interactions
            .iter()
            .find(|i| **i as usize >= self.items.len())
        {
            format!(
                "item number {i} is past the last of {} items",
                self.items.len()
            )
        } else if self.times.as_ref().is_some_and(|t| t.len() != n)
            || self.ratings.as_ref().is_some_and(|r| r.len() != n)
        {
            format!("times and ratings need one value for each of {n} interactions")
        } else if let Some(id) = self.ids().find(|id| id.contains(['\n', '\r'])) {
            format!("the identifier {id:?} holds a line break")
        } else {
            return Ok(());
        };
        Err(Error::setting(format!("data set `{}`", self.name), reason))
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.users
            .iter()
            .map(String::as_str)
            .chain(self.items.iter().map(|i| i.id.as_str()))
    }

    /// Writes all files into an empty folder.
    fn write(&self, folder: &Path) -> Result<Manifest> {
        let mut files = BTreeMap::new();
        let mut sums = Vec::new();
        let mut put = |name: &str, fill: &dyn Fn(&mut Output) -> std::io::Result<()>| {
            let path = folder.join(name);
            let mut out = Output::create(&path).map_err(Error::io(&path))?;
            fill(&mut out).map_err(Error::io(&path))?;
            let (check, sum) = out.finish().map_err(Error::io(&path))?;
            files.insert(name.to_owned(), check);
            sums.push((name.to_owned(), sum));
            Ok::<_, Error>(())
        };
        put(OFFSETS, &|out| {
            self.offsets
                .iter()
                .try_for_each(|v| out.put(&v.to_le_bytes()))
        })?;
        put(ITEMS, &|out| {
            self.interactions
                .iter()
                .try_for_each(|v| out.put(&v.to_le_bytes()))
        })?;
        if let Some(times) = &self.times {
            put(TIMES, &|out| {
                times.iter().try_for_each(|v| out.put(&v.to_le_bytes()))
            })?;
        }
        if let Some(ratings) = &self.ratings {
            put(RATINGS, &|out| {
                ratings.iter().try_for_each(|v| out.put(&v.to_le_bytes()))
            })?;
        }
        put(USER_IDS, &|out| {
            self.users.iter().try_for_each(|id| out.line(id))
        })?;
        put(ITEM_IDS, &|out| {
            self.items.iter().try_for_each(|item| out.line(&item.id))
        })?;
        put(TEXT, &|out| {
            self.items
                .iter()
                .try_for_each(|item| out.line(&serde_json::to_string(item)?))
        })?;
        let fingerprint = sums
            .iter()
            .fold(Builder::new("data set"), |b, (name, sum)| {
                b.bytes(name, sum)
            })
            .finish();
        Ok(Manifest {
            version: VERSION,
            name: self.name.clone(),
            users: self.users.len(),
            items: self.items.len(),
            interactions: self.interactions.len(),
            fingerprint,
            files,
        })
    }
}

/// Stores `contents` at `folder`: written beside it, then renamed, so that nobody sees half of it. A data set that is
/// there already is replaced; any other folder with content is refused.
pub(super) fn store(folder: &Path, contents: &Contents) -> Result<()> {
    contents.check()?;
    let write = |new: &Path| {
        let manifest = contents.write(new)?;
        write_json(&manifest, &new.join(MANIFEST))
    };
    files::publish_by(folder, write, |new| swap(new, folder))
}

/// Renames `fresh` to `folder`, away from where an old data set stands. Others may do the same at the same time, so a
/// place that was free may be taken again.
fn swap(fresh: &Path, folder: &Path) -> Result<()> {
    const ROUNDS: u32 = 40;
    for _ in 0..ROUNDS {
        let Err(refused) = fs::rename(fresh, folder) else {
            return Ok(());
        };
        use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
        if !matches!(
            refused.kind(),
            AlreadyExists | DirectoryNotEmpty | NotADirectory
        ) {
            return Err(Error::io(folder)(refused));
        }
        if !folder.join(MANIFEST).exists() {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        let old = tempfile::Builder::new()
            .prefix(TEMPORARY[1])
            .tempdir_in(fresh.parent().unwrap_or(folder))
            .map_err(Error::io(folder))?;
        // Someone else may have moved it first; then the next round finds the place free.
        let _ = fs::rename(folder, old.path().join("data"));
    }
    let reason = match folder.join(MANIFEST).exists() {
        true => "another program keeps writing this data set; try again",
        false => "is there and is no stored data set; choose another folder or remove it",
    };
    Err(Error::setting(folder.display().to_string(), reason))
}

/// A file that counts, sums and hashes what goes into it.
struct Output {
    file: BufWriter<File>,
    check: Check,
    hash: Sha256,
    block: Vec<u8>,
}

impl Output {
    fn create(path: &Path) -> std::io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        Ok(Self {
            file,
            check: Check {
                bytes: 0,
                crc32c: 0,
            },
            hash: Sha256::new(),
            block: Vec::new(),
        })
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.block.extend_from_slice(bytes);
        if self.block.len() < 1 << 16 {
            Ok(())
        } else {
            self.flush()
        }
    }

    fn line(&mut self, text: &str) -> std::io::Result<()> {
        self.put(text.as_bytes())?;
        self.put(b"\n")
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.check.bytes += self.block.len() as u64;
        self.check.crc32c = crc32c::crc32c_append(self.check.crc32c, &self.block);
        self.hash.update(&self.block);
        self.file.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }

    fn finish(mut self) -> std::io::Result<(Check, Vec<u8>)> {
        self.flush()?;
        self.file.flush()?;
        Ok((self.check, self.hash.finalize().to_vec()))
    }
}
