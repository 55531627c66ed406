//! What checks saw.

use tch::Tensor;

use super::tensors::same;
use crate::suite::{Checked, holds};

/// Numbers and texts that checks saw, by name.
#[derive(Debug, Default)]
pub struct Numbers {
    tensors: Vec<(String, Tensor)>,
    texts: Vec<(String, String)>,
}

impl Numbers {
    pub(super) fn add(&mut self, name: impl Into<String>, tensor: &Tensor) -> Checked {
        let copy = tensor.f_detach_copy()?;
        self.tensors.push((name.into(), copy));
        Ok(())
    }

    pub(super) fn add_text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.push((name.into(), text.into()));
    }

    /// Compares with what another run saw: numbers bit by bit, texts letter by letter.
    ///
    /// # Errors
    /// The first that differs.
    pub fn compare(&self, other: &Self) -> Checked {
        let counts = |numbers: &Self| (numbers.tensors.len(), numbers.texts.len());
        holds(counts(self) == counts(other), || {
            let (a, b) = (counts(self), counts(other));
            format!("one run saw {a:?} numbers and texts, the other {b:?}")
        })?;
        for ((name, a), (other_name, b)) in self.texts.iter().zip(&other.texts) {
            holds(name == other_name && a == b, || {
                format!("`{name}` differs between two runs: {a} and {b}")
            })?;
        }
        for ((name, a), (other_name, b)) in self.tensors.iter().zip(&other.tensors) {
            holds(name == other_name && same(a, b)?, || {
                format!("`{name}` differs between two runs")
            })?;
        }
        Ok(())
    }
}
