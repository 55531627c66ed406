//! Language models in the folders of models: GGUF files and Hugging Face folders.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// A model that scripts can name.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Model {
    /// The file's or folder's name, without `.gguf`.
    pub name: String,
    /// `gguf` or `hugging_face`.
    pub form: &'static str,
    /// Where it is.
    pub path: PathBuf,
}

/// The models of these folders, in the order in which they are searched.
pub fn find(dirs: &[PathBuf]) -> Vec<Model> {
    dirs.iter().flat_map(|dir| in_folder(dir)).collect()
}

fn in_folder(dir: &Path) -> Vec<Model> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut models: Vec<Model> = entries.filter_map(|entry| model(entry.path())).collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

fn model(path: PathBuf) -> Option<Model> {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
    let gguf = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("gguf"));
    let (name, form) = match gguf && path.is_file() {
        true => (text(path.file_stem())?, "gguf"),
        false if path.join("config.json").is_file() => (text(path.file_name())?, "hugging_face"),
        false => return None,
    };
    Some(Model { name, form, path })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("small.Q4_1.gguf"), "").unwrap();
        std::fs::write(at("notes.txt"), "").unwrap();
        std::fs::create_dir_all(at("a-folder")).unwrap();
        std::fs::write(at("a-folder/config.json"), "{}").unwrap();
        std::fs::create_dir_all(at("empty.gguf")).unwrap();
        let found = find(&[dir.path().to_path_buf(), at("missing")]);
        let names: Vec<_> = found.iter().map(|m| (m.name.as_str(), m.form)).collect();
        assert_eq!(
            names,
            [("a-folder", "hugging_face"), ("small.Q4_1", "gguf")]
        );
    }
}
