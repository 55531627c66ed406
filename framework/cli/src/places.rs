//! Where models are looked for.

use std::env;
use std::path::{Path, PathBuf};

/// Folders of models that exist: those of `LAPIDARY_MODELS`, `.deps/models` of the checkout that holds the program,
/// and `models` beside the program.
pub fn model_dirs() -> Vec<PathBuf> {
    let named = env::var_os("LAPIDARY_MODELS").unwrap_or_default();
    let program = env::current_exe().unwrap_or_default();
    candidates(&env::split_paths(&named).collect::<Vec<_>>(), &program)
        .into_iter()
        .filter(|dir| dir.is_dir())
        .collect()
}

fn candidates(named: &[PathBuf], program: &Path) -> Vec<PathBuf> {
    let beside = program.parent();
    let checkout = beside
        .into_iter()
        .flat_map(Path::ancestors)
        .map(|dir| dir.join(".deps/models"))
        .find(|dir| dir.is_dir());
    let named = named
        .iter()
        .filter(|dir| !dir.as_os_str().is_empty())
        .cloned();
    named
        .chain(checkout)
        .chain(beside.map(|dir| dir.join("models")))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_users_folders_come_first() {
        let checkout = tempfile::tempdir().unwrap();
        let root = checkout.path();
        std::fs::create_dir_all(root.join(".deps/models")).unwrap();
        let found = candidates(
            &["/one".into(), "".into()],
            &root.join("target/debug/lapidary"),
        );
        let expected = [
            PathBuf::from("/one"),
            root.join(".deps/models"),
            root.join("target/debug/models"),
        ];
        assert_eq!(found, expected);
    }
}
