//! What is said of a component that is not there.

use std::path::PathBuf;

use lapidary_sdk::Kind;

use super::{Refused, Registry};
use crate::error::Error;

impl Registry {
    /// Remembers what was refused, for messages about components that are missing because of it.
    pub fn note_refused(&mut self, refused: &[Refused]) {
        let named = refused.iter().filter_map(|refused| {
            let stem = refused.path.file_stem()?.to_string_lossy();
            let name = stem.strip_prefix("lib").unwrap_or(&stem).replace('-', "_");
            Some((name, refused.path.clone()))
        });
        self.refused.extend(named);
    }

    /// Of another kind, refused, or nowhere: an unknown name with the nearest of its kind.
    pub(super) fn unknown(&self, kind: Kind, name: &str) -> Error {
        let known = self.entries.keys().filter(|k| k.0 == kind).map(|k| &k.1);
        let mut error = Error::unknown(kind.name(), name, known);
        if let Error::Unknown { note, nearest, .. } = &mut error {
            *note = match (self.of_another_kind(name), self.refused_file(name)) {
                (Some(other), _) => format!(" (there is a {other} of that name)"),
                (_, Some(file)) => format!(
                    " ({} was refused; `lapidary plugins` tells why)",
                    file.display()
                ),
                _ if self.entries.is_empty() => {
                    ": no plugin was loaded, `lapidary doctor` tells where they were sought".into()
                }
                _ if nearest.is_empty() => {
                    " (no plugin has it; `lapidary plugins` lists those found and refused)".into()
                }
                _ => String::new(),
            };
        }
        error
    }

    fn of_another_kind(&self, name: &str) -> Option<Kind> {
        let named = self.entries.keys().find(|key| key.1 == name);
        named.map(|key| key.0)
    }

    fn refused_file(&self, name: &str) -> Option<&PathBuf> {
        let named = self.refused.iter().find(|refused| refused.0 == name);
        named.map(|refused| &refused.1)
    }
}
