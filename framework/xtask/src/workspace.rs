//! The checkout: where it lies, and how cargo is called in it.

use crate::failure::{Failure, Result};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout that this program belongs to.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the checkout, two folders above this crate.
    pub fn find() -> Result<Self> {
        let crate_folder = env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let root = Path::new(&crate_folder)
            .ancestors()
            .nth(2)
            .map(Path::to_path_buf);
        match root {
            Some(root) if root.join("Cargo.toml").is_file() => Ok(Self { root }),
            _ => Err(Failure::failed(format!(
                "no checkout around {crate_folder}; run this as `cargo xtask …` inside one"
            ))),
        }
    }

    /// Its topmost folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where set-up puts what it fetches.
    pub fn deps(&self) -> PathBuf {
        self.root.join(".deps")
    }

    /// The cargo that runs this program, to be started in the checkout.
    pub fn cargo<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(&self, arguments: I) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).args(arguments);
        command
    }

    /// A new folder for temporary files: what is started with it as `TMPDIR` leaves nothing outside the checkout.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<Scratch> {
        let name = format!("target/tmp/xtask-{}", std::process::id());
        let path = self.root.join(name);
        fs::create_dir_all(&path).map_err(Failure::io(&path))?;
        Ok(Scratch { path })
    }
}

/// A folder that is removed with this value.
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now goes with `cargo clean`.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Runs `command` with its output shown; `Err` holds its exit code if it had one.
pub fn run(command: &mut Command) -> std::result::Result<(), Option<i32>> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.code()),
        Err(error) => {
            eprintln!("{}: {error}", command.get_program().display());
            Err(None)
        }
    }
}
