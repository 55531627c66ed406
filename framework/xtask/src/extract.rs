//! Files out of archives, so that what is seen is whole.

use crate::failure::{Failure, Result};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// Unpacks the members of `archive` that `place` gives a path, below `folder`; tells those paths and their sizes.
///
/// # Errors
/// The archive is damaged (each member's checksum is compared), or the disk refuses.
pub fn extract(
    archive: &Path,
    folder: &Path,
    place: impl Fn(&str) -> Option<PathBuf>,
) -> Result<BTreeMap<PathBuf, u64>> {
    let damaged =
        |error: zip::result::ZipError| Failure::failed(format!("{}: {error}", archive.display()));
    let mut zip =
        ZipArchive::new(File::open(archive).map_err(Failure::io(archive))?).map_err(damaged)?;
    let mut written = BTreeMap::new();
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).map_err(damaged)?;
        let Some(path) = place(member.name()).filter(|_| member.is_file()) else {
            continue;
        };
        let target = folder.join(&path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(Failure::io(parent))?;
        }
        let mut file = File::create(&target).map_err(Failure::io(&target))?;
        let bytes = io::copy(&mut member, &mut file).map_err(Failure::io(&target))?;
        written.insert(path, bytes);
    }
    Ok(written)
}

/// Puts the file or folder `staged` at `target` in one step; what was there goes to `attic`.
pub fn replace(staged: &Path, target: &Path, attic: &Path) -> Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(Failure::io(parent))?;
    }
    if target.symlink_metadata().is_ok() {
        fs::rename(target, attic).map_err(Failure::io(target))?;
    }
    fs::rename(staged, target).map_err(Failure::io(target))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::io::Write;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    /// Writes an archive with these members.
    pub fn archive(path: &Path, members: &[(&str, &str)]) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        for (name, text) in members {
            zip.start_file(
                *name,
                SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored),
            )
            .unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn only_placed_members_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a.whl");
        archive(
            &wheel,
            &[("torch/lib/a.so", "library"), ("torch/b.py", "script")],
        );
        let out = folder.path().join("out");
        let written = extract(&wheel, &out, |m| {
            m.strip_prefix("torch/lib/").map(PathBuf::from)
        })
        .unwrap();
        assert_eq!(written, BTreeMap::from([(PathBuf::from("a.so"), 7)]));
        assert_eq!(fs::read_to_string(out.join("a.so")).unwrap(), "library");
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    }

    #[test]
    fn a_changed_member_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a.whl");
        archive(&wheel, &[("a.so", "library")]);
        let mut bytes = fs::read(&wheel).unwrap();
        let at = bytes.windows(7).position(|w| w == b"library").unwrap();
        bytes[at] = b'L';
        fs::write(&wheel, bytes).unwrap();
        let message = extract(&wheel, folder.path(), |m| Some(m.into()))
            .unwrap_err()
            .to_string();
        assert!(message.contains("a.so"), "{message}");
    }

    #[test]
    fn a_cut_archive_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a.whl");
        archive(&wheel, &[("a.so", "library")]);
        let bytes = fs::read(&wheel).unwrap();
        fs::write(&wheel, &bytes[..bytes.len() / 2]).unwrap();
        let message = extract(&wheel, folder.path(), |m| Some(m.into()))
            .unwrap_err()
            .to_string();
        assert!(message.contains("a.whl"), "{message}");
    }

    #[test]
    fn replacing_keeps_the_old_one_aside() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["new", "target"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("which"), name).unwrap();
        }
        replace(&at("new"), &at("target"), &at("old")).unwrap();
        assert_eq!(fs::read_to_string(at("target/which")).unwrap(), "new");
        assert_eq!(fs::read_to_string(at("old/which")).unwrap(), "target");
        assert!(!at("new").exists());
    }
}
