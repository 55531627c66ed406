//! Opens libraries. They are never closed: what they handed out lives as long as the process.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lapidary_abi as abi;
use libloading::os::unix::Library;

use super::error::PluginError;
use super::object_file;
use crate::files::Stamp;

/// Each plugin's file as it was when it was last opened.
static OPENED: Mutex<Option<HashMap<PathBuf, Stamp>>> = Mutex::new(None);

/// Opens a plugin and calls its entry. `path` is absolute. A file that was rebuilt since this process opened it is opened
/// as a new generation beside the old one: the system's loader would hand out the old one for the same path, so it gets a
/// copy under another name.
pub(super) fn open(path: &Path, stamp: Stamp) -> Result<*const abi::Manifest, PluginError> {
    object_file::inspect(path)?;
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    let opened = opened.get_or_insert_default();
    let manifest = match opened.get(path) {
        Some(earlier) if *earlier != stamp => open_copy(path)?,
        _ => open_file(path)?,
    };
    opened.insert(path.to_path_buf(), stamp);
    Ok(manifest)
}

/// The copy may go once it is open: the system keeps what it mapped.
fn open_copy(path: &Path) -> Result<*const abi::Manifest, PluginError> {
    let failed = |e: std::io::Error| PluginError::Open {
        path: path.to_path_buf(),
        reason: format!("a copy for its new generation could not be made: {e}"),
    };
    let copy = tempfile::Builder::new()
        .suffix(std::env::consts::DLL_SUFFIX)
        .tempfile()
        .map_err(failed)?;
    std::fs::copy(path, copy.path()).map_err(failed)?;
    open_file(copy.path())
}

fn open_file(path: &Path) -> Result<*const abi::Manifest, PluginError> {
    // Every symbol is resolved now, so that a missing one is found here; nothing of the plugin is visible to others;
    // the library stays even if someone closes it.
    let flags = libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: opening runs the library's constructors: plugins are trusted code, found only where the user says.
    let library = unsafe { Library::open(Some(path), flags) }.map_err(|e| PluginError::Open {
        path: path.to_path_buf(),
        reason: explain(&reason(&e)),
    })?;
    // SAFETY: the symbol is only exported under this name by plugins, with this type.
    let entry = unsafe { library.get::<abi::EntryFn>(abi::ENTRY_SYMBOL) }
        .map(|symbol| *symbol)
        .map_err(|_| PluginError::NotAPlugin {
            path: path.to_path_buf(),
        });
    std::mem::forget(library);
    // SAFETY: the entry takes the host's table, which lives as long as the process.
    Ok(unsafe { entry?(super::host::table()) })
}

/// The system's own words.
fn reason(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

fn explain(reason: &str) -> String {
    let hint = if reason.contains("undefined symbol") || reason.contains("Symbol not found") {
        "; it may be built with another libtorch: build it again with the one of this program"
    } else if reason.contains("cannot open shared object") || reason.contains("not loaded") {
        "; a library that it needs is missing: `ldd` lists what it needs"
    } else {
        ""
    };
    format!("{reason}{hint}")
}

/// A library that was to be opened for the whole process, and why it could not be.
#[derive(Clone, Debug)]
pub struct GlobalLibrary {
    /// Its file name.
    pub name: String,
    /// Why it is not open, if so.
    pub problem: Option<String>,
}

static GLOBAL: Mutex<Vec<GlobalLibrary>> = Mutex::new(Vec::new());

/// Opens a library for the whole process, where it can be opened: beside the running libtorch, or where the system
/// looks. [`global_libraries`] tells what came of it.
pub(crate) fn open_global(name: &str) {
    let beside = super::host::running_torch_path().map(|torch| torch.with_file_name(name));
    let candidates = beside
        .filter(|path| path.exists())
        .into_iter()
        .chain([PathBuf::from(name)]);
    let mut problem = None;
    for candidate in candidates {
        match open_one(candidate.as_os_str()) {
            Ok(()) => {
                problem = None;
                break;
            }
            Err(reason) => problem = problem.or(Some(reason)),
        }
    }
    if let Ok(mut all) = GLOBAL.lock() {
        all.retain(|l| l.name != name);
        all.push(GlobalLibrary {
            name: name.to_owned(),
            problem,
        });
    }
}

fn open_one(name: &OsStr) -> Result<(), String> {
    let flags = libc::RTLD_NOW | libc::RTLD_GLOBAL | libc::RTLD_NODELETE;
    // SAFETY: opening runs the library's constructors; only parts of libtorch are opened so.
    let library = unsafe { Library::open(Some(name), flags) }.map_err(|e| reason(&e))?;
    std::mem::forget(library);
    Ok(())
}

/// What was opened for the whole process, or why it was not, such as libtorch's GPU half.
pub fn global_libraries() -> Vec<GlobalLibrary> {
    GLOBAL.lock().map(|all| all.clone()).unwrap_or_default()
}
