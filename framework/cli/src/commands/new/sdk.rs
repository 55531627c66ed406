//! The checkout that a Rust plugin is built with: its SDK, its libtorch, its versions of libraries.

use std::path::{Path, PathBuf};

use crate::args::NewPlugin;
use crate::failure::Failure;

/// The folder of this crate, two below the checkout's, as it was when the program was built.
const OWN: &str = env!("CARGO_MANIFEST_DIR");

/// The checkout, absolute.
///
/// # Errors
/// When it is not there, or has no libtorch.
pub(super) fn find(command: &NewPlugin) -> Result<PathBuf, Failure> {
    let (checkout, from) = match &command.sdk {
        Some(given) => (given.clone(), format!("--sdk {}", given.display())),
        None => {
            let own = Path::new(OWN).ancestors().nth(2).unwrap_or(Path::new(OWN));
            let text = format!("{}, from which this program was built", own.display());
            (own.to_path_buf(), text)
        }
    };
    let missing = |what: &str| Failure::usage(format!("{from}: {what}"));
    let hint =
        "a Rust plugin is built with a checkout of Lapidary's source: name one with --sdk DIR";
    if !checkout.join("framework/sdk/Cargo.toml").is_file() {
        return Err(missing("no checkout of Lapidary: framework/sdk is not there").hint(hint));
    }
    if !checkout.join(".deps/libtorch/lib").is_dir() {
        return Err(missing("it has no libtorch").hint("run `cargo xtask setup` in it"));
    }
    let found = checkout.canonicalize();
    found.map_err(|e| missing(&e.to_string()))
}

/// A file of the checkout.
///
/// # Errors
/// When it cannot be read.
pub(super) fn file(checkout: &Path, name: &str) -> Result<String, Failure> {
    let path = checkout.join(name);
    let text = std::fs::read_to_string(&path);
    text.map_err(|e| Failure::failed(format!("{}: {e}", path.display())))
}
