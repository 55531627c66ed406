//! What a call gave back, by name.

use lapidary_sdk::{Error, Result};
use serde::de::DeserializeOwned;
use tch::Tensor;

use super::Native;
use super::exchange::Bytes;

/// What a call gave back.
pub(super) struct Returned<'a> {
    pub(super) native: &'a Native,
    pub(super) method: &'static str,
    pub(super) tensors: Vec<(String, Tensor)>,
    pub(super) reply: Bytes,
}

impl Returned<'_> {
    fn error(&self, message: impl Into<String>) -> Error {
        self.native.error(self.method, message)
    }

    /// Takes the output of that name.
    pub(super) fn take(&mut self, name: &str) -> Result<Tensor> {
        self.take_optional(name).ok_or_else(|| {
            let given: Vec<_> = self.tensors.iter().map(|(n, _)| format!("`{n}`")).collect();
            self.error(match given.is_empty() {
                true => format!("gave no output `{name}`"),
                false => format!("gave no output `{name}`, but {}", given.join(", ")),
            })
        })
    }

    /// Takes the output of that name, if there is one.
    pub(super) fn take_optional(&mut self, name: &str) -> Option<Tensor> {
        let at = self.tensors.iter().position(|(n, _)| n == name)?;
        Some(self.tensors.swap_remove(at).1)
    }

    /// The part of the result that is not tensors.
    pub(super) fn reply<R: DeserializeOwned>(&self) -> Result<R> {
        let text = self
            .reply
            .text()
            .map_err(|e| self.error(format!("its reply {e}")))?;
        serde_json::from_str(&text)
            .map_err(|e| self.error(format!("its reply does not have the agreed form: {e}")))
    }
}
