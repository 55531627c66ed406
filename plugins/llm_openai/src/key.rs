//! The key: read from the environment, sent to the server, and shown nowhere.

use std::fmt;

use lapidary_sdk::prelude::*;

/// What shows that a call may be made, if anything is needed.
#[derive(Clone, Default)]
pub struct Key(Option<String>);

impl Key {
    /// Reads the key from an environment variable.
    ///
    /// # Errors
    /// When its value cannot stand in a header.
    pub fn from_environment(variable: &str) -> Result<Self> {
        match std::env::var(variable) {
            Ok(value) => {
                Self::new(&value).ok_or_else(|| Error::invalid(format!("{variable} {NO_KEY}")))
            }
            Err(std::env::VarError::NotPresent) => Ok(Self(None)),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Error::invalid(format!("{variable} {NO_KEY}")))
            }
        }
    }

    /// A key, of which blanks around it are no part; none where it is empty.
    fn new(value: &str) -> Option<Self> {
        let value = value.trim();
        let plain = value.chars().all(|c| c.is_ascii_graphic());
        plain.then(|| Self(Some(value.to_owned()).filter(|v| !v.is_empty())))
    }

    /// The value of the header `Authorization`.
    pub fn header(&self) -> Option<String> {
        self.0.as_ref().map(|key| format!("Bearer {key}"))
    }

    /// A text of the server's, without the key, should it repeat it.
    pub fn hide(&self, text: &str) -> String {
        match &self.0 {
            Some(key) => text.replace(key, HIDDEN),
            None => text.to_owned(),
        }
    }
}

const HIDDEN: &str = "[key]";
const NO_KEY: &str = "(setting `key_env`) holds no key: a key is one word of plain characters";

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => HIDDEN,
            None => "no key",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_is_sent_and_never_shown() {
        let key = Key::new(" sk-secret\n").unwrap();
        assert_eq!(key.header().unwrap(), "Bearer sk-secret");
        assert_eq!(format!("{key:?}"), "[key]");
        assert_eq!(key.hide("bad key: sk-secret!"), "bad key: [key]!");
        assert!(Key::new("two words").is_none() && Key::new("schlüssel").is_none());
        let none = Key::new("  ").unwrap();
        assert_eq!((none.header(), none.hide("text").as_str()), (None, "text"));
        let unset = Key::from_environment("LAPIDARY_NO_SUCH_KEY").unwrap();
        assert_eq!(format!("{unset:?}"), "no key");
    }
}
