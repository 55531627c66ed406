//! SHA-256 of files, remembered while they stay as they are: to read a large model takes longer than all else in a dry run.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use lapidary_sdk::prelude::*;

use crate::files::hex;

/// A file that changed less than this ago may change again within the same tick of its clock.
const SETTLED: Duration = Duration::from_secs(2);

/// SHA-256 of files, one after the other. It is kept in `lapidary/sha256` of the user's folder of caches.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn sha256(paths: &[PathBuf]) -> Result<String> {
    remembered(paths, cache().as_deref(), SETTLED)
}

fn remembered(paths: &[PathBuf], cache: Option<&Path>, settled: Duration) -> Result<String> {
    let stamp = stamp(paths, settled);
    let name = stamp.as_ref().map(|text| hex(&Sha256::digest(text)));
    let place = cache.zip(name).map(|(cache, name)| cache.join(name));
    if let Some(known) = place.as_deref().and_then(known) {
        return Ok(known);
    }
    let digest = read(paths)?;
    if let Some(place) = place
        && self::stamp(paths, settled) == stamp
    {
        // Without it the files are read again.
        let _ = keep(&place, &digest);
    }
    Ok(digest)
}

/// The user's folder of caches, ours in it.
fn cache() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty());
    let caches = match named {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    Some(caches.join("lapidary/sha256"))
}

/// What tells the files from edited or replaced ones; the time of the last change of a file's entry cannot be set back.
/// Nothing where one of them changed just now.
fn stamp(paths: &[PathBuf], settled: Duration) -> Option<String> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    let latest = now.checked_sub(settled)?.as_secs() as i64;
    let mut text = String::new();
    for path in paths {
        let about = fs::metadata(path).ok()?;
        if about.ctime() > latest {
            return None;
        }
        let file = (about.dev(), about.ino(), about.size());
        let times = (
            about.mtime(),
            about.mtime_nsec(),
            about.ctime(),
            about.ctime_nsec(),
        );
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{file:?} {times:?} {}",
            path.canonicalize().ok()?.display()
        );
    }
    Some(text)
}

fn known(place: &Path) -> Option<String> {
    let text = fs::read_to_string(place).ok()?;
    let is_whole = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_whole.then_some(text)
}

fn keep(place: &Path, digest: &str) -> std::io::Result<()> {
    fs::create_dir_all(place.parent().unwrap_or(place))?;
    let new = place.with_extension(std::process::id().to_string());
    fs::write(&new, digest)?;
    fs::rename(&new, place)
}

fn read(paths: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    for path in paths {
        let mut file = File::open(path).map_err(Error::io(path))?;
        loop {
            let n = file.read(&mut buffer).map_err(Error::io(path))?;
            if n == 0 {
                break;
            }
            hash.update(buffer.get(..n).unwrap_or_default());
        }
    }
    Ok(hex(&hash.finalize()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_that_stay_as_they_are_are_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("a"), folder.path().join("b")];
        fs::write(&paths[0], "ab").unwrap();
        fs::write(&paths[1], "c").unwrap();
        let cache = folder.path().join("cache");
        let of = |settled| remembered(&paths, Some(&cache), settled).unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(SETTLED), abc);
        assert!(
            !cache.exists(),
            "files that changed just now are not remembered"
        );
        assert_eq!(of(Duration::ZERO), abc);
        let entry = fs::read_dir(&cache)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let other = "0".repeat(64);
        fs::write(&entry, &other).unwrap();
        assert_eq!(of(Duration::ZERO), other, "they were read again");
        fs::write(&entry, "0").unwrap();
        assert_eq!(of(Duration::ZERO), abc, "what is kept was cut");
        fs::write(&entry, &other).unwrap();
        fs::write(&paths[1], "cd").unwrap();
        assert_eq!(of(Duration::ZERO), read(&paths).unwrap());
        assert_eq!(
            remembered(&paths, None, SETTLED).unwrap(),
            read(&paths).unwrap()
        );
    }
}
