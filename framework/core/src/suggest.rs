//! Near matches for unknown names.

use std::path::{Path, PathBuf};

/// The names of `known` that `name` may be a slip of, best first, at most three.
pub fn nearest<S: AsRef<str>>(name: &str, known: &[S]) -> Vec<String> {
    let wanted = name.to_lowercase();
    // Of a short name every other short name is a few letters away.
    let slips = wanted.chars().count().saturating_sub(1).min(2);
    let mut scored: Vec<(f64, &str)> = known
        .iter()
        .map(|k| {
            (
                strsim::jaro_winkler(&wanted, &k.as_ref().to_lowercase()),
                k.as_ref(),
            )
        })
        .filter(|(score, k)| {
            *score > 0.8 || strsim::damerau_levenshtein(&wanted, &k.to_lowercase()) <= slips
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored
        .into_iter()
        .take(3)
        .map(|(_, k)| k.to_owned())
        .collect()
}

/// Text that follows an unknown name: the near matches, or all known names.
pub fn phrase(nearest: &[String], known: &[String]) -> String {
    let quoted = |names: &[String]| {
        names
            .iter()
            .map(|n| format!("`{n}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (nearest, known) {
        ([], []) => "; none is known".to_owned(),
        ([], known) => format!("; known: {}", quoted(known)),
        (nearest, _) => format!("; did you mean {}?", quoted(nearest)),
    }
}

/// Names of files beside `path`, with its ending or else with another, of which its own may be a slip, best first, at most
/// three.
pub fn files_like(path: &Path) -> Vec<String> {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else {
        return Vec::new();
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new(".")));
    let files = entries.into_iter().flatten().flatten();
    let (alike, others): (Vec<PathBuf>, Vec<PathBuf>) = files
        .map(|entry| entry.path())
        .partition(|file| file.extension() == path.extension());
    let near = |files: &[PathBuf]| {
        let names = files.iter().filter_map(|file| file.file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        nearest(&name, &names.collect::<Vec<_>>())
    };
    match near(&alike) {
        none if none.is_empty() => near(&others),
        found => found,
    }
}

/// A question that follows a file which is not there, in the words of who asked for it; nothing where none is like it.
pub fn files_phrase(asked: &Path, near: &[String]) -> Option<String> {
    let near = near
        .iter()
        .map(|name| asked.with_file_name(name).display().to_string());
    let near: Vec<String> = near.collect();
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(", ")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_with_the_same_ending_go_before_others() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["first.lua", "first.toml", "frist.toml"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let like = |name: &str| files_like(&folder.path().join(name));
        assert_eq!(like("frst.lua"), ["first.lua"]);
        assert_eq!(like("first.lau")[0], "first.lua");
        assert!(like("nothing.like").is_empty());
    }

    #[test]
    fn a_slip_finds_its_name() {
        assert_eq!(
            nearest("dropuot", &["dropout", "heads", "layers"]),
            ["dropout"]
        );
        assert!(nearest("zebra", &["dropout", "heads"]).is_empty());
        assert!(nearest("k", &["d", "pca"]).is_empty());
    }

    #[test]
    fn a_file_that_is_not_there_is_told_with_those_like_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["movies.toml", "games.toml", "movies.lua"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let near = files_like(&folder.path().join("movie.toml"));
        assert_eq!(near, ["movies.toml"]);
        let asked = Path::new("configs/movie.toml");
        let phrase = files_phrase(asked, &near).unwrap();
        assert_eq!(phrase, "did you mean configs/movies.toml?");
        assert!(files_like(&folder.path().join("none/movie.toml")).is_empty());
        assert_eq!(files_phrase(asked, &[]), None);
    }

    #[test]
    fn the_phrase_lists_what_there_is() {
        let known = vec!["heads".to_owned(), "layers".to_owned()];
        assert_eq!(phrase(&[], &known), "; known: `heads`, `layers`");
        assert_eq!(phrase(&known[..1], &known), "; did you mean `heads`?");
    }
}
