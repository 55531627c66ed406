//! Files and folders that appear whole: written beside their place, brought to the disk, then moved there by one rename.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::error::{Error, Result};

/// What names of files and folders begin with while they are written.
pub(crate) const NEW: &str = ".new-";

/// Writes a file and the folder it stands in. `write` fills an empty file beside the place: readers see the old file or
/// the new one, also after a power cut.
///
/// # Errors
/// What `write` reports, or [`Error::Io`]; the old file then stays.
pub fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let folder = parent(path);
    fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let new = beside(0o666)
        .tempfile_in(folder)
        .map_err(Error::io(folder))?
        .into_temp_path();
    write(&new)?;
    sync(&new)?;
    new.persist(path).map_err(|e| Error::io(path)(e.error))?;
    sync(folder)
}

/// What tells a file from an edited or replaced one without reading it: device, number, size, and time of the last change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub(crate) file: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The file's stamp now; the same for every path that leads to it.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no such file.
    pub fn of(path: &Path) -> Result<Self> {
        let found = fs::metadata(path).map_err(Error::io(path))?;
        Ok(Self {
            file: (found.dev(), found.ino()),
            size: found.size(),
            changed: (found.mtime(), found.mtime_nsec()),
        })
    }
}

/// Makes a folder that is not there yet. `write` fills an empty one beside the place: nobody sees half of it, also after
/// a power cut.
///
/// # Errors
/// What `write` reports, or [`Error::Io`], such as when a folder with content stands there.
pub fn publish<T>(folder: &Path, write: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    publish_by(folder, write, |new| {
        fs::rename(new, folder).map_err(Error::io(folder))
    })
}

/// As [`publish`], where `rename` moves the filled folder to its place.
pub(crate) fn publish_by<T>(
    folder: &Path,
    write: impl FnOnce(&Path) -> Result<T>,
    rename: impl FnOnce(&Path) -> Result<()>,
) -> Result<T> {
    let above = parent(folder);
    fs::create_dir_all(above).map_err(Error::io(above))?;
    let new = beside(0o777).tempdir_in(above).map_err(Error::io(above))?;
    let written = write(new.path())?;
    for entry in fs::read_dir(new.path()).map_err(Error::io(new.path()))? {
        sync(&entry.map_err(Error::io(new.path()))?.path())?;
    }
    sync(new.path())?;
    rename(new.path())?;
    // It went away by the rename.
    let _ = new.keep();
    sync(above)?;
    Ok(written)
}

/// Removes a file, a link, or a folder with all that it holds.
///
/// # Errors
/// [`Error::Io`] when something cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let is_folder = fs::symlink_metadata(path)
        .map_err(Error::io(path))?
        .is_dir();
    let removed = match is_folder {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    removed.map_err(Error::io(path))
}

/// Bytes of a file, or of all files below a folder; links are not followed, and what cannot be read counts nothing.
pub fn bytes_below(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| bytes_below(&entry.path())).sum()
        }
        Ok(about) => about.len(),
        Err(_) => 0,
    }
}

/// Names what is being written; `mode` is what any new file or folder has, less the umask.
fn beside(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(NEW)
        .permissions(Permissions::from_mode(mode));
    builder
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Brings a file, or a folder's list of entries, to the disk.
fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(Error::io(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn files_and_folders_have_the_usual_modes() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::write(at("usual"), "").unwrap();
        fs::create_dir(at("usual folder")).unwrap();
        replace(&at("file"), |new| {
            fs::write(new, "1").map_err(Error::io(new))
        })
        .unwrap();
        publish(&at("folder"), |new| {
            fs::write(new.join("inner"), "1").map_err(Error::io(new))
        })
        .unwrap();
        assert_eq!(mode(&at("file")), mode(&at("usual")));
        assert_eq!(mode(&at("folder")), mode(&at("usual folder")));
        assert_eq!(mode(&at("folder/inner")), mode(&at("usual")));
    }

    #[test]
    fn what_fails_leaves_all_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::write(at("file"), "old").unwrap();
        let half = |new: &Path| {
            fs::write(new, "ha").map_err(Error::io(new))?;
            Err(Error::Interrupted)
        };
        assert!(replace(&at("file"), half).is_err());
        assert!(publish(&at("folder"), |_| Err::<(), _>(Error::Interrupted)).is_err());
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "old");
        assert_eq!(names(root.path()), ["file"]);
    }

    #[test]
    fn a_folder_with_content_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/folder");
        let write = |text: &'static str| {
            publish(&folder, move |new| {
                fs::write(new.join("file"), text).map_err(Error::io(new))
            })
        };
        write("first").unwrap();
        assert_eq!(write("second").unwrap_err().code(), "io");
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "first");
        assert_eq!(names(&root.path().join("a")), ["folder"]);
    }
}
