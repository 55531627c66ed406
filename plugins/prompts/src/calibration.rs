//! From raw measurements to scores.

use lapidary_sdk::prelude::*;

/// Below this spread a column tells nothing.
const CONSTANT: f64 = 1e-6;

/// Centres each column at its mean over the reference and, if told, divides by its standard deviation there. NaN is
/// left out of both.
///
/// # Shapes
/// `raw` `[N,r]`, `reference` `[M,r]`; result f64 `[N,r]`.
///
/// # Errors
/// When the widths differ.
pub fn standardise(raw: &Tensor, reference: &Tensor, scale: bool) -> Result<Tensor> {
    let reference = reference.f_to_kind(DType::Double)?;
    let mean = reference.f_nanmean([0].as_slice(), true, DType::Double)?;
    let centred = raw.f_to_kind(DType::Double)?.f_sub(&mean)?;
    if !scale {
        return Ok(centred);
    }
    let square = reference.f_sub(&mean)?.f_square()?;
    let deviation = square
        .f_nanmean([0].as_slice(), true, DType::Double)?
        .f_sqrt()?;
    Ok(centred.f_div(&deviation.f_clamp_min(CONSTANT)?)?)
}

/// Takes from each row its own mean. With one column nothing would be left: it is returned as it is.
///
/// # Shapes
/// `scores` `[N,m]`; result `[N,m]`.
///
/// # Errors
/// When it is no matrix.
pub fn centre_rows(scores: &Tensor) -> Result<Tensor> {
    if scores.size().get(1) == Some(&1) {
        return Ok(scores.shallow_clone());
    }
    let mean = scores.f_nanmean([1].as_slice(), true, DType::Double)?;
    Ok(scores.f_sub(&mean)?)
}

/// Refuses tables that are not of `width` columns.
///
/// # Errors
/// When one is not: says what was found.
pub fn check_width(tables: [(&str, &Tensor); 2], width: i64) -> Result<()> {
    for (name, table) in tables {
        match table.size().as_slice() {
            [_, columns] if *columns == width => {}
            other => {
                return Err(Error::invalid(format!(
                    "`{name}`: expected [N,{width}], found {other:?}"
                )));
            }
        }
    }
    Ok(())
}

/// Measurements as readings carry them: what is no finite number becomes none.
pub fn readable(values: impl Iterator<Item = f64>) -> Vec<Option<f32>> {
    values.map(|v| v.is_finite().then_some(v as f32)).collect()
}

/// The reading of measured likelihoods; says how many are missing.
pub fn measured(values: Vec<Option<f32>>) -> Reading {
    let lost = values.iter().filter(|v| v.is_none()).count();
    let problem = (lost > 0).then(|| Problem {
        kind: ProblemKind::NoLikelihood,
        attribute: None,
        text: format!("{lost} likelihoods are no numbers"),
    });
    Reading {
        problems: problem.into_iter().collect(),
        values,
        repaired: false,
    }
}

/// Refuses answers that are more or fewer than what was asked.
///
/// # Errors
/// [`Error::Invalid`] with both numbers.
pub fn check_answers(answers: &[Answer], wanted: usize) -> Result<()> {
    match answers.len() == wanted {
        true => Ok(()),
        false => {
            let text = format!("expected {wanted} answers, found {}", answers.len());
            Err(Error::invalid(text))
        }
    }
}
