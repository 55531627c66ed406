//! What a backbone is given.

use crate::prelude::*;

/// Checks what a backbone's `forward` was given.
///
/// # Shapes
/// `input` f32 `[B,L,d]`, d being `dim`, L at most `max_len` where there is such a limit; `mask` bool `[B,L]`.
///
/// # Errors
/// When a shape or type is another.
pub fn check_input(input: &Tensor, mask: &Tensor, dim: i64, max_len: Option<i64>) -> Result<()> {
    let found = input.size();
    let too_long = |length: i64| max_len.is_some_and(|longest| length > longest);
    if found.len() != 3 || found[2] != dim || too_long(found[1]) {
        let limit = max_len.map(|longest| format!(", L at most {longest}"));
        return Err(Error::invalid(format!(
            "`input` must have the shape [B,L,{dim}]{}; found {found:?}",
            limit.unwrap_or_default()
        )));
    }
    if mask.size() != found[..2] || mask.kind() != DType::Bool {
        return Err(Error::invalid(format!(
            "`mask` must be bool of the shape {:?}; found {:?} of the shape {:?}",
            &found[..2],
            mask.kind(),
            mask.size()
        )));
    }
    if input.kind() != DType::Float {
        return Err(Error::invalid(format!(
            "`input` must be f32; found {:?}",
            input.kind()
        )));
    }
    Ok(())
}
