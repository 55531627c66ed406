//! A stored data set, opened.

use std::cell::OnceCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use super::item::ItemText;
use super::mapped::{Column, Lines};
use super::store::{
    Contents, ITEM_IDS, ITEMS, MANIFEST, Manifest, OFFSETS, RATINGS, TEXT, TIMES, USER_IDS,
    VERSION, store,
};
use super::summary::Summary;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;

/// Interactions of U users with V items, and the items' text, in memory-mapped columns.
#[derive(Debug)]
pub struct Dataset {
    folder: PathBuf,
    manifest: Manifest,
    offsets: Vec<u64>,
    items: Column,
    times: Option<Column>,
    ratings: Option<Column>,
    user_ids: Lines,
    item_ids: Lines,
    text: Lines,
    users_by_id: OnceCell<HashMap<String, u32>>,
    items_by_id: OnceCell<HashMap<String, u32>>,
}

/// The interactions of one user or of several in a row, oldest first; equal times keep the source's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserColumns {
    /// Item numbers from 0 to V − 1.
    pub items: Vec<u32>,
    /// Unix seconds, where the data set has times.
    pub times: Option<Vec<i64>>,
    /// Ratings, NaN where one is not known; none where the data set has no ratings.
    pub ratings: Option<Vec<f32>>,
}

impl Dataset {
    /// Whether a folder holds a stored data set, sound or not.
    pub fn is_stored(folder: &Path) -> bool {
        folder.join(MANIFEST).is_file()
    }

    /// Opens a stored data set and verifies it.
    ///
    /// # Errors
    /// [`Error::Io`] when there is none, [`Error::Damaged`] when a part is missing, cut, changed, or of another version.
    pub fn open(folder: &Path) -> Result<Self> {
        let manifest = read_manifest(folder)?;
        let (users, n) = (manifest.users, manifest.interactions);
        let has = |name: &str| manifest.files.contains_key(name);
        let column = |name: &str, kind: Kind, len: usize| {
            let path = folder.join(name);
            check_of(&manifest, folder, name)?.verify(&path, |_| {})?;
            Column::map(&path, kind, len)
        };
        let lines = |name: &str, count: usize| {
            Lines::open(
                &folder.join(name),
                check_of(&manifest, folder, name)?,
                count,
            )
        };
        let offsets: Vec<i64> = column(OFFSETS, Kind::Int64, users + 1)?.read(0..users + 1)?;
        let offsets: Vec<u64> = offsets.into_iter().map(|o| o as u64).collect();
        if offsets.first() != Some(&0)
            || offsets.last() != Some(&(n as u64))
            || !offsets.is_sorted()
        {
            return Err(Error::damaged(
                folder.join(OFFSETS),
                "the offsets do not rise from 0 to the end",
            ));
        }
        Ok(Self {
            items: column(ITEMS, Kind::Int, n)?,
            times: if has(TIMES) {
                Some(column(TIMES, Kind::Int64, n)?)
            } else {
                None
            },
            ratings: if has(RATINGS) {
                Some(column(RATINGS, Kind::Float, n)?)
            } else {
                None
            },
            user_ids: lines(USER_IDS, users)?,
            item_ids: lines(ITEM_IDS, manifest.items)?,
            text: lines(TEXT, manifest.items)?,
            folder: folder.to_path_buf(),
            manifest,
            offsets,
            users_by_id: OnceCell::new(),
            items_by_id: OnceCell::new(),
        })
    }

    /// The fingerprint of the data set that is stored in a folder, as its manifest tells; nothing else is read.
    pub(crate) fn fingerprint_in(folder: &Path) -> Result<Fingerprint> {
        Ok(read_manifest(folder)?.fingerprint)
    }

    /// Stores `contents` at `folder` and opens it. A data set stored there before is replaced as a whole.
    ///
    /// # Errors
    /// [`Error::Setting`] when the parts do not fit together or `folder` holds something else, [`Error::Io`].
    pub fn create(folder: &Path, contents: &Contents) -> Result<Self> {
        store(folder, contents)?;
        Self::open(folder)
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The folder it is stored in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Number of users, U.
    pub fn users(&self) -> usize {
        self.manifest.users
    }

    /// Number of items, V.
    pub fn items(&self) -> usize {
        self.manifest.items
    }

    /// Number of interactions.
    pub fn interactions(&self) -> usize {
        self.manifest.interactions
    }

    /// Whether every interaction has a time.
    pub fn has_times(&self) -> bool {
        self.times.is_some()
    }

    /// Whether some interactions have a rating.
    pub fn has_ratings(&self) -> bool {
        self.ratings.is_some()
    }

    /// Names the contents: equal for equal interactions and text, wherever they were imported from.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.manifest.fingerprint
    }

    /// U + 1 positions: user `u` owns the interactions from `offsets[u]` to `offsets[u + 1]`.
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The memory-mapped item column: i32, one number an interaction, users back to back.
    pub fn item_column(&self) -> &Tensor {
        self.items.tensor()
    }

    /// The interactions of a user.
    ///
    /// # Errors
    /// [`Error::Setting`] for a number past the last user.
    pub fn user(&self, user: u32) -> Result<UserColumns> {
        let user = user as usize;
        self.columns_of(user..user + 1)
    }

    /// The interactions of a range of users, back to back.
    ///
    /// # Errors
    /// [`Error::Setting`] for a range past the last user, [`Error::Damaged`] for an item number past the last item.
    pub fn columns_of(&self, users: Range<usize>) -> Result<UserColumns> {
        let (Some(start), Some(end)) = (self.offsets.get(users.start), self.offsets.get(users.end))
        else {
            return Err(self.no_such("user", users.end.saturating_sub(1), self.users()));
        };
        let range = *start as usize..*end as usize;
        let items: Vec<i32> = self.items.read(range.clone())?;
        let items: Vec<u32> = items.into_iter().map(|i| i as u32).collect();
        if let Some(item) = items.iter().find(|i| **i as usize >= self.items()) {
            return Err(Error::damaged(
                self.folder.join(ITEMS),
                format!("there is no item number {item}"),
            ));
        }
        Ok(UserColumns {
            items,
            times: self
                .times
                .as_ref()
                .map(|c| c.read(range.clone()))
                .transpose()?,
            ratings: self.ratings.as_ref().map(|c| c.read(range)).transpose()?,
        })
    }

    /// The source's identifier of a user.
    ///
    /// # Errors
    /// [`Error::Setting`] for a number past the last user.
    pub fn user_id(&self, user: u32) -> Result<String> {
        self.user_ids
            .get(user as usize)?
            .ok_or_else(|| self.no_such("user", user as usize, self.users()))
    }

    /// The source's identifier of an item.
    ///
    /// # Errors
    /// [`Error::Setting`] for a number past the last item.
    pub fn item_id(&self, item: u32) -> Result<String> {
        self.item_ids
            .get(item as usize)?
            .ok_or_else(|| self.no_such("item", item as usize, self.items()))
    }

    /// The number of the user with an identifier.
    ///
    /// # Errors
    /// [`Error::Setting`] when nobody has it.
    pub fn find_user(&self, id: &str) -> Result<u32> {
        find(&self.users_by_id, &self.user_ids, self.users(), id)?
            .ok_or_else(|| self.nobody("user", id))
    }

    /// The number of the item with an identifier.
    ///
    /// # Errors
    /// [`Error::Setting`] when none has it.
    pub fn find_item(&self, id: &str) -> Result<u32> {
        find(&self.items_by_id, &self.item_ids, self.items(), id)?
            .ok_or_else(|| self.nobody("item", id))
    }

    /// The text of an item.
    ///
    /// # Errors
    /// [`Error::Setting`] for a number past the last item.
    pub fn item(&self, item: u32) -> Result<ItemText> {
        let line = self.text.get(item as usize)?;
        let line = line.ok_or_else(|| self.no_such("item", item as usize, self.items()))?;
        serde_json::from_str(&line)
            .map_err(|e| Error::damaged(self.folder.join(TEXT), e.to_string()))
    }

    /// The categories that at least `least` items have, the most common first, and which items have them: 1 or 0.
    ///
    /// # Shapes
    /// The table f32 `[V,c]`.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a line of text cannot be read.
    pub fn categories(&self, least: usize) -> Result<(Vec<String>, Tensor)> {
        let items = (0..self.items() as u32).map(|item| Ok(self.item(item)?.categories));
        let items = items.collect::<Result<Vec<_>>>()?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for category in items.iter().flatten() {
            *counts.entry(category).or_default() += 1;
        }
        let mut names: Vec<&str> = counts
            .keys()
            .copied()
            .filter(|n| counts[n] >= least.max(1))
            .collect();
        names.sort_by_key(|name| Reverse(counts[name]));
        let members = items.iter().flat_map(|own| {
            let has = |name: &&str| f32::from(u8::from(own.iter().any(|c| c == name)));
            names.iter().map(has).collect::<Vec<_>>()
        });
        let members = Tensor::f_from_slice(&members.collect::<Vec<f32>>())?;
        let members = members.f_reshape([items.len() as i64, names.len() as i64])?;
        Ok((names.into_iter().map(str::to_owned).collect(), members))
    }

    /// Figures for people.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a line of text cannot be read.
    pub fn summary(&self) -> Result<Summary> {
        Summary::of(self)
    }

    fn no_such(&self, what: &str, number: usize, count: usize) -> Error {
        let reason =
            format!("there is no {what} number {number}; there are {count}, counted from 0");
        Error::setting(format!("data set `{}`", self.name()), reason)
    }

    fn nobody(&self, what: &str, id: &str) -> Error {
        let first = match what {
            "user" => self.user_id(0),
            _ => self.item_id(0),
        };
        let like = first.map(|first| format!("; identifiers are such as `{first}`"));
        Error::setting(
            format!("data set `{}`", self.name()),
            format!(
                "no {what} has the identifier `{id}`{}",
                like.unwrap_or_default()
            ),
        )
    }
}

fn find(
    cell: &OnceCell<HashMap<String, u32>>,
    ids: &Lines,
    count: usize,
    id: &str,
) -> Result<Option<u32>> {
    if let Some(map) = cell.get() {
        return Ok(map.get(id).copied());
    }
    let mut map = HashMap::with_capacity(count);
    for number in 0..count {
        if let Some(id) = ids.get(number)? {
            map.insert(id, number as u32);
        }
    }
    Ok(cell.get_or_init(|| map).get(id).copied())
}

fn read_manifest(folder: &Path) -> Result<Manifest> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| Error::damaged(&path, e.to_string()))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(VERSION)) {
        let found = version.map_or("none".to_owned(), |v| v.to_string());
        let reason =
            format!("layout version {found}, this program reads {VERSION}; import it again");
        return Err(Error::damaged(&path, reason));
    }
    serde_json::from_value(value).map_err(|e| Error::damaged(&path, e.to_string()))
}

fn check_of(manifest: &Manifest, folder: &Path, name: &str) -> Result<super::mapped::Check> {
    let check = manifest.files.get(name).copied();
    check.ok_or_else(|| Error::damaged(folder.join(MANIFEST), format!("does not mention `{name}`")))
}
