//! Settings from TOML files, with messages that name file, line and the nearest known key.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::settings::explain;

/// Reads a TOML file into a type that refuses unknown keys.
///
/// # Errors
/// [`Error::Io`]; [`Error::Setting`] with the file, the line and the nearest known names.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    toml::from_str(&text).map_err(|e| {
        let line = e.span().map(|span| {
            let before = text.get(..span.start).unwrap_or_default();
            format!(":{}", before.matches('\n').count() + 1)
        });
        let place = format!("{}{}", path.display(), line.unwrap_or_default());
        Error::setting(place, explain(e.message()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pie {
        #[allow(dead_code)]
        crust: Option<Crust>,
        #[allow(dead_code)]
        apples: Option<u32>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Crust {
        Thin,
        Thick,
    }

    fn refused(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pie.toml");
        std::fs::write(&path, text).unwrap();
        let message = read::<Pie>(&path).unwrap_err().to_string();
        message
            .strip_prefix(&folder.path().display().to_string())
            .unwrap()
            .to_owned()
    }

    #[test]
    fn messages_name_file_line_and_nearest() {
        assert_eq!(
            refused("\n# x\naples = 3"),
            "/pie.toml:3: unknown key `aples`; did you mean `apples`?"
        );
        assert_eq!(
            refused("crust = 'thinn'"),
            "/pie.toml:1: unknown name `thinn`; did you mean `thin`, `thick`?"
        );
        assert_eq!(
            refused("zz = 1"),
            "/pie.toml:1: unknown key `zz`; known: `apples`, `crust`"
        );
        assert_eq!(
            refused("apples = -1"),
            "/pie.toml:1: expected a whole number of at least 0, found -1"
        );
        assert!(refused("apples = ").starts_with("/pie.toml:1: "));
    }
}
