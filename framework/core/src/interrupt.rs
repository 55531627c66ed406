//! The user's wish to stop: set by a signal handler, asked for between units of work.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Asks all work to stop at the next safe point.
pub fn request() {
    REQUESTED.store(true, Ordering::Relaxed);
}

/// Takes a request back.
pub fn clear() {
    REQUESTED.store(false, Ordering::Relaxed);
}

/// Whether work should stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Called between units of work.
///
/// # Errors
/// [`Error::Interrupted`] when the user asked to stop.
pub fn check() -> Result<()> {
    if requested() {
        Err(Error::Interrupted)
    } else {
        Ok(())
    }
}
