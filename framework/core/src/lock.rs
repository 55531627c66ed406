//! One process at a time makes a thing; others wait for what it makes.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::interrupt;

/// A held lock; dropping it, or the end of the process, frees it.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock at `path`, waiting while another one holds it.
///
/// # Errors
/// [`Error::Io`] when the file cannot be made; [`Error::Interrupted`].
pub(crate) fn take(path: &Path, what: &str) -> Result<Lock> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io(path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::Error(e)) => return Err(Error::io(path)(e)),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    tracing::warn!("another run is making {what}; waiting for it");
                    told = true;
                }
                interrupt::check()?;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}
