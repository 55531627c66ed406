//! From vectors to scores: product or cosine, divided by a temperature.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::refine::{Scoring, Similarity};

/// Vectors shorter than this count as this long, so that none is divided by 0.
const SHORTEST: f64 = 1e-12;

/// How a user's vector and an item's make a score. Both are prepared so that their plain product is the score.
#[derive(Debug)]
pub(super) struct Score {
    cosine: bool,
    /// Logarithm of the temperature, f32 `[]`, where it is trained.
    learned: Option<Tensor>,
    temperature: f64,
}

impl Score {
    pub fn new(scoring: Scoring, device: Device) -> Result<Self> {
        let log = || -> Result<Tensor> {
            let log = Tensor::f_full([1], scoring.temperature.ln(), (Kind::Float, device))?;
            Ok(log.f_set_requires_grad(true)?)
        };
        Ok(Self {
            cosine: scoring.similarity == Similarity::Cosine,
            learned: scoring.trainable.then(log).transpose()?,
            temperature: scoring.temperature,
        })
    }

    /// User vectors as they stand against [`Score::items`].
    ///
    /// # Shapes
    /// f32 `[N,d]`, the result too.
    pub fn users(&self, vectors: Tensor) -> Result<Tensor> {
        let vectors = match self.cosine {
            true => vectors.f_div(&lengths(&vectors)?)?,
            false => vectors,
        };
        Ok(match &self.learned {
            Some(log) => vectors.f_mul(&log.f_neg()?.f_exp()?)?,
            None if self.temperature == 1.0 => vectors,
            None => vectors.f_div_scalar(self.temperature)?,
        })
    }

    /// Item vectors as they stand against user vectors; without cosine the table itself.
    ///
    /// # Shapes
    /// f32 `[V,d]`, the result too.
    pub fn items(&self, table: &Tensor) -> Result<Tensor> {
        Ok(match self.cosine {
            true => table.f_div(&lengths(table)?)?,
            false => table.shallow_clone(),
        })
    }

    /// Where the gradient by [`Score::items`] is added up: the table's own, or one to be handed to [`Score::chain`].
    pub fn gradient(&self, table: &Option<Tensor>) -> Result<Option<Tensor>> {
        Ok(match (table, self.cosine) {
            (Some(table), true) => Some(table.f_zeros_like()?),
            (table, _) => table.as_ref().map(Tensor::shallow_clone),
        })
    }

    /// Adds the gradient by the unit rows to the table's: with x̂ = x/‖x‖ it is (g − ⟨g,x̂⟩ x̂)/‖x‖.
    pub fn chain(&self, values: &Tensor, by_unit: &Tensor, gradient: &mut Tensor) -> Result<()> {
        if !self.cosine {
            return Ok(());
        }
        let lengths = lengths(values)?;
        let unit = values.f_div(&lengths)?;
        let along =
            by_unit
                .f_mul(&unit)?
                .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        let across = by_unit.f_sub(&unit.f_mul(&along)?)?;
        let _ = gradient.f_add_(&across.f_div(&lengths)?)?;
        Ok(())
    }

    /// The temperature by name, where it is trained.
    pub fn trained(&self) -> Option<(String, Tensor)> {
        let log = self.learned.as_ref()?;
        Some(("score.log_temperature".to_owned(), log.shallow_clone()))
    }
}

/// Lengths of rows, f32 `[N,1]`.
fn lengths(table: &Tensor) -> Result<Tensor> {
    let lengths = table.f_norm_scalaropt_dim(2.0, [1i64].as_slice(), true)?;
    Ok(lengths.f_clamp_min(SHORTEST)?)
}
