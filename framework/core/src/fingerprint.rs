//! Fingerprints: SHA-256 over labelled parts, so that equal inputs have equal names.

use std::fmt;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint(String);

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let digits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match digits {
            true => Ok(Self(text)),
            false => Err(format!("`{text}` is no fingerprint: 64 hexadecimal digits")),
        }
    }
}

impl Fingerprint {
    /// The first 16 digits, for folder names and messages.
    pub fn short(&self) -> &str {
        &self.0[..16.min(self.0.len())]
    }

    /// All digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Fingerprint of bytes, as `sha256sum` prints it.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// Fingerprint of a file's bytes.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self> {
        let mut file = std::fs::File::open(path).map_err(Error::io(path))?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = file.read(&mut buffer).map_err(Error::io(path))?;
            if n == 0 {
                return Ok(Self(hex(&hash.finalize())));
            }
            hash.update(&buffer[..n]);
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Collects labelled parts.
#[derive(Default)]
pub struct Builder(Sha256);

impl Builder {
    /// A builder for one sort of thing, such as `dataset` or `guided scores`.
    pub fn new(sort: &str) -> Self {
        Self::default().bytes("sort", sort.as_bytes())
    }

    /// Adds raw bytes under a label.
    #[must_use]
    pub fn bytes(mut self, label: &str, bytes: &[u8]) -> Self {
        for part in [label.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds text under a label.
    #[must_use]
    pub fn text(self, label: &str, text: &str) -> Self {
        self.bytes(label, text.as_bytes())
    }

    /// Adds a JSON value; object keys are sorted first.
    #[must_use]
    pub fn json(self, label: &str, value: &serde_json::Value) -> Self {
        self.text(label, &canonical(value))
    }

    /// Adds another fingerprint.
    #[must_use]
    pub fn part(self, label: &str, of: &Fingerprint) -> Self {
        self.text(label, of.as_str())
    }

    /// The fingerprint of all parts so far.
    pub fn finish(self) -> Fingerprint {
        Fingerprint(hex(&self.0.finalize()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn canonical(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            let parts: Vec<_> = keys
                .into_iter()
                .map(|k| format!("{}:{}", Value::String(k.clone()), canonical(&map[k])))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(canonical).collect::<Vec<_>>().join(",")
            )
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_but_their_place_does() {
        let of = |text: &str| {
            let value = serde_json::from_str(text).unwrap();
            Builder::new("t").json("v", &value).finish()
        };
        assert_eq!(of(r#"{"a":1,"b":[1,2]}"#), of(r#"{"b":[1,2],"a":1}"#));
        assert_ne!(of(r#"{"a":1,"b":[1,2]}"#), of(r#"{"a":1,"b":[2,1]}"#));
    }

    #[test]
    fn what_is_no_fingerprint_is_not_read() {
        let read = |text: &str| serde_json::from_value::<Fingerprint>(text.into());
        let good = Fingerprint::of_bytes(b"a");
        assert_eq!(read(good.as_str()).unwrap(), good);
        for bad in ["", "../../x", "0123456789abcde\u{e9}"] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let a = Builder::new("t").text("x", "ab").text("y", "c").finish();
        let b = Builder::new("t").text("x", "a").text("y", "bc").finish();
        assert_ne!(a, b);
    }
}
