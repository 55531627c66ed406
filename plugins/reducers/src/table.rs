//! What every reducer asks of its tables.

use lapidary_sdk::prelude::*;

/// Checks that a table can be used. Returns its width.
///
/// # Shapes
/// `table` f32 `[V,d]`.
pub(crate) fn check(table: &Tensor) -> Result<i64> {
    let (rows, width) = match table.size()[..] {
        [rows, width] if table.kind() == DType::Float => (rows, width),
        _ => {
            return Err(Error::invalid(format!(
                "the table must be f32 of the shape [V,d]; found {:?} of the shape {:?}",
                table.kind(),
                table.size()
            )));
        }
    };
    let finite = table.f_isfinite()?;
    if finite.f_all()?.f_int64_value(&[])? == 0 {
        let bad = rows * width - finite.f_sum(DType::Int64)?.f_int64_value(&[])?;
        return Err(Error::invalid(format!(
            "{bad} of the table's {} values are NaN or infinite",
            rows * width
        )));
    }
    Ok(width)
}

/// Checks the width of the reduced table.
pub(crate) fn check_dim(dim: i64, width: i64) -> Result<()> {
    match (1..=width).contains(&dim) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "a table of {width} columns can be reduced to 1 to {width} columns, not to {dim}"
        ))),
    }
}

/// Checks that a table to transform is as wide as the one the reducer was fitted on.
pub(crate) fn check_width(found: i64, fitted: i64) -> Result<()> {
    match found == fitted {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "the reducer was fitted on {fitted} columns; this table has {found}"
        ))),
    }
}

/// What `transform` says before `fit` or `load`.
pub(crate) fn not_fitted() -> Error {
    Error::invalid("the reducer must be fitted before it can transform")
}
