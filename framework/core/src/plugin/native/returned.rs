//! What a call gave back, checked against what the contract says.

use lapidary_sdk::{Error, Result};
use serde::de::DeserializeOwned;
use tch::{Kind as DType, Tensor};

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
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.native.error(self.method, message)
    }

    /// Takes the output of that name, checked against type and shape; a size of −1 may be any, and `like` says on
    /// which device it must be.
    pub(super) fn take(
        &mut self,
        name: &str,
        dtype: DType,
        shape: &[(&str, i64)],
        like: &Tensor,
    ) -> Result<Tensor> {
        let tensor = self
            .take_optional(name)
            .ok_or_else(|| self.error(self.missing(name)))?;
        self.check(name, &tensor, dtype, shape)?;
        if tensor.device() != like.device() {
            let message = format!(
                "output `{name}` is on {:?}, but the input is on {:?}",
                tensor.device(),
                like.device()
            );
            return Err(self.error(message));
        }
        Ok(tensor)
    }

    pub(super) fn take_optional(&mut self, name: &str) -> Option<Tensor> {
        let at = self.tensors.iter().position(|(n, _)| n == name)?;
        Some(self.tensors.swap_remove(at).1)
    }

    pub(super) fn missing(&self, name: &str) -> String {
        let given: Vec<_> = self.tensors.iter().map(|(n, _)| format!("`{n}`")).collect();
        match given.is_empty() {
            true => format!("gave no output `{name}`"),
            false => format!("gave no output `{name}`, but {}", given.join(", ")),
        }
    }

    pub(super) fn check(
        &self,
        name: &str,
        tensor: &Tensor,
        dtype: DType,
        shape: &[(&str, i64)],
    ) -> Result<()> {
        let (found_dtype, found) = (tensor.f_kind()?, tensor.size());
        let fits = found.len() == shape.len()
            && found.iter().zip(shape).all(|(f, (_, s))| *s < 0 || f == s);
        if fits && found_dtype == dtype {
            return Ok(());
        }
        let axes: Vec<_> = shape
            .iter()
            .map(|(axis, size)| match size {
                ..0 => (*axis).to_owned(),
                size => format!("{axis}={size}"),
            })
            .collect();
        Err(self.error(format!(
            "output `{name}`: expected {} [{}], found {} {found:?}",
            dtype_name(dtype),
            axes.join(", "),
            dtype_name(found_dtype),
        )))
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

/// The type's name as the project writes it.
fn dtype_name(dtype: DType) -> String {
    match dtype {
        DType::Float => "f32".to_owned(),
        DType::Double => "f64".to_owned(),
        DType::Half => "f16".to_owned(),
        DType::BFloat16 => "bf16".to_owned(),
        DType::Int64 => "i64".to_owned(),
        DType::Int => "i32".to_owned(),
        DType::Bool => "bool".to_owned(),
        other => format!("{other:?}"),
    }
}
