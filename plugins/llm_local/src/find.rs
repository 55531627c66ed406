//! Finds a model by name or path.

use std::path::{Path, PathBuf};

use lapidary_sdk::prelude::*;

/// Names further folders in which models are looked up first; separated as in `PATH`.
pub const VARIABLE: &str = "LAPIDARY_MODELS";

/// The GGUF file or model folder that `model` names.
///
/// A path that exists is taken as it is. A name is looked up in the folders of [`VARIABLE`], then in `folders`. It
/// matches, whatever its case, a folder or GGUF file of that name, with or without the ending, and with or without the
/// number format before it: `smollm2-135m-instruct` finds `SmolLM2-135M-Instruct.Q4_1.gguf`.
///
/// # Errors
/// When nothing matches, or several do in the same folder.
pub fn find(
    model: &str,
    variable: Option<std::ffi::OsString>,
    folders: &[String],
) -> Result<PathBuf> {
    let path = Path::new(model);
    if path.is_file() || path.join("config.json").is_file() {
        return Ok(path.to_owned());
    }
    let mut places: Vec<PathBuf> = variable
        .iter()
        .flat_map(std::env::split_paths)
        .filter(|p| !p.as_os_str().is_empty())
        .collect();
    places.extend(folders.iter().map(PathBuf::from));
    for place in &places {
        let mut matches = matches(place, model);
        matches.sort();
        match matches.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            several => {
                return Err(Error::invalid(format!(
                    "model `{model}` may be any of {}; give the whole name",
                    list(several)
                )));
            }
        }
    }
    let looked = match places.as_slice() {
        [] => "there was no folder to look in".to_owned(),
        places => format!("looked in {}", list(places)),
    };
    Err(Error::invalid(format!(
        "model `{model}` was not found: {looked}. `cargo xtask setup` fetches the default model; for others give the \
         path of a GGUF file or a Hugging Face folder, or put it into a folder that {VARIABLE} names"
    )))
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|p| format!("`{}`", p.display()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The models of a folder that a name fits; a whole name beats a shortened one.
fn matches(folder: &Path, model: &str) -> Vec<PathBuf> {
    let exact = folder.join(model);
    if exact.is_file() || exact.join("config.json").is_file() {
        return vec![exact];
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| fits(p, &model.to_lowercase()))
        .collect()
}

fn fits(path: &Path, wanted: &str) -> bool {
    let Some(name) = path.file_name().map(|n| n.to_string_lossy().to_lowercase()) else {
        return false;
    };
    if path.is_dir() {
        return name == wanted && path.join("config.json").is_file();
    }
    name.strip_suffix(".gguf").is_some_and(|stem| {
        let format = stem.strip_prefix(wanted);
        name == wanted
            || format.is_some_and(|f| f.is_empty() || f.starts_with('.') || f.starts_with("-q"))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn text(folder: &tempfile::TempDir) -> String {
        folder.path().display().to_string()
    }

    #[test]
    fn a_name_finds_its_file_whatever_the_case_and_the_format() {
        let folder = folder_with(&[
            "Some-Model.Q4_1.gguf",
            "Some-Model-Base.gguf",
            "hf/config.json",
            "notes.txt",
        ]);
        let found = |name: &str| {
            find(name, None, &[text(&folder)]).map(|p| p.file_name().unwrap().to_owned())
        };
        assert_eq!(found("some-model").unwrap(), "Some-Model.Q4_1.gguf");
        assert_eq!(found("some-model-base").unwrap(), "Some-Model-Base.gguf");
        assert_eq!(
            found("SOME-MODEL.q4_1.gguf").unwrap(),
            "Some-Model.Q4_1.gguf"
        );
        assert_eq!(found("HF").unwrap(), "hf");
        assert!(found("notes").is_err());
    }

    #[test]
    fn the_variable_comes_first_and_paths_are_taken_as_they_are() {
        let (first, second) = (folder_with(&["m.gguf"]), folder_with(&["m.gguf"]));
        let variable = Some(first.path().as_os_str().to_owned());
        assert_eq!(
            find("m", variable, &[text(&second)]).unwrap(),
            first.path().join("m.gguf")
        );
        let path = second.path().join("m.gguf");
        assert_eq!(find(path.to_str().unwrap(), None, &[]).unwrap(), path);
    }

    #[test]
    fn messages_say_where_it_looked_and_what_to_run() {
        let folder = folder_with(&["m.Q4_0.gguf", "m.Q8_0.gguf"]);
        let error = find("m", None, &[text(&folder)]).unwrap_err().to_string();
        assert!(
            error.contains("m.Q4_0.gguf") && error.contains("m.Q8_0.gguf"),
            "{error}"
        );
        let error = find("nothing", None, &[text(&folder)])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&text(&folder)) && error.contains("cargo xtask setup"),
            "{error}"
        );
    }
}
