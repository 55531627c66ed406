//! Checks of settings that backbones have in common.

use crate::prelude::*;

/// # Errors
/// When embedding size or longest sequence is less than 1.
pub fn check_sizes(context: &BackboneContext) -> Result<()> {
    let BackboneContext { dim, max_len, .. } = *context;
    must(dim >= 1 && max_len >= 1, || {
        format!("embedding size and longest sequence must be at least 1; found {dim} and {max_len}")
    })
}

/// Checks what Transformer blocks for embeddings of the size `dim` are made of.
///
/// # Errors
/// When there is no block, or one cannot be made.
pub fn check_blocks(dim: i64, layers: u32, hidden_factor: i64, heads: i64) -> Result<()> {
    must(layers >= 1 && hidden_factor >= 1, || {
        format!(
            "`layers` and `hidden_factor` must be at least 1; found {layers} and {hidden_factor}"
        )
    })?;
    must(heads >= 1 && dim % heads.max(1) == 0, || {
        format!("the embedding size {dim} must be a multiple of `heads`, which is {heads}")
    })
}

/// # Errors
/// When the setting `name` is no probability of dropping a value.
pub fn check_dropout(name: &str, value: f64) -> Result<()> {
    check_share(name, value)
}

/// # Errors
/// When the setting `name` is no share that leaves something: from 0 to less than 1.
pub fn check_share(name: &str, value: f64) -> Result<()> {
    must((0.0..1.0).contains(&value), || {
        format!("`{name}` must be at least 0 and less than 1; found {value}")
    })
}

/// # Errors
/// When the setting `init_std` is no standard deviation.
pub fn check_init_std(value: f64) -> Result<()> {
    check_positive("init_std", value)
}

/// # Errors
/// When the setting `name` is no positive number.
pub fn check_positive(name: &str, value: f64) -> Result<()> {
    must(value > 0.0 && value.is_finite(), || {
        format!("`{name}` must be greater than 0; found {value}")
    })
}

/// # Errors
/// When the setting `name` is negative or no number.
pub fn check_not_negative(name: &str, value: f64) -> Result<()> {
    must(value >= 0.0 && value.is_finite(), || {
        format!("`{name}` must be at least 0; found {value}")
    })
}

/// # Errors
/// When the setting `name` is less than 1.
pub fn check_at_least_one(name: &str, value: impl Into<i64>) -> Result<()> {
    let value = value.into();
    must(value >= 1, || {
        format!("`{name}` must be at least 1; found {value}")
    })
}

/// # Errors
/// When a trained table holds a number that is not finite.
pub fn check_finite(table: &Tensor) -> Result<()> {
    let finite = table.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0;
    must(finite, || {
        "training left the numbers: vectors are not finite; lower `learning_rate`".to_owned()
    })
}
