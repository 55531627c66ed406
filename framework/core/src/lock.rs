//! Locks between processes. Dropping one, or the end of its process however it comes, frees it.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::interrupt;

/// A held lock.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock at `path`, waiting while another one holds it: one process at a time makes a thing, others wait for what
/// it makes.
///
/// # Errors
/// [`Error::Io`] when the file cannot be made; [`Error::Interrupted`].
pub(crate) fn take(path: &Path, what: &str) -> Result<Lock> {
    let waits = format!("another run is making {what}; waiting for it");
    wait(path, open(path)?, File::try_lock, &waits)
}

/// Takes the lock at `path` together with others that share it, waiting while somebody has it alone. Where the file cannot
/// be made, as in a folder that cannot be written, there is none.
///
/// # Errors
/// [`Error::Io`] when the lock is refused; [`Error::Interrupted`].
pub(crate) fn share(path: &Path, waits: &str) -> Result<Option<Lock>> {
    let opened = open(path).or_else(|_| File::open(path).map_err(Error::io(path)));
    match opened {
        Ok(file) => wait(path, file, File::try_lock_shared, waits).map(Some),
        Err(_) => Ok(None),
    }
}

/// Takes the lock at `path` where nobody holds it.
///
/// # Errors
/// [`Error::Io`] when the file cannot be made.
pub(crate) fn try_take(path: &Path) -> Result<Option<Lock>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(Error::io(path)(e)),
    }
}

/// Whether a process holds the lock at `path` alone; nothing where there is no such file.
///
/// # Errors
/// [`Error::Io`] when it cannot be read.
pub(crate) fn is_held(path: &Path) -> Result<Option<bool>> {
    match File::open(path) {
        Ok(file) => Ok(Some(matches!(
            file.try_lock_shared(),
            Err(TryLockError::WouldBlock)
        ))),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(path)(e)),
    }
}

fn open(path: &Path) -> Result<File> {
    let opened: io::Result<File> = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    opened.map_err(Error::io(path))
}

fn wait(
    path: &Path,
    file: File,
    attempt: impl Fn(&File) -> std::result::Result<(), TryLockError>,
    waits: &str,
) -> Result<Lock> {
    let mut told = false;
    loop {
        match attempt(&file) {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::Error(e)) => return Err(Error::io(path)(e)),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    tracing::warn!("{waits}");
                    told = true;
                }
                interrupt::check()?;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}
