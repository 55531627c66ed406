//! Ranking among some of the items.

use tch::{Device, Kind, Tensor};

use super::scorer::{Query, Scorer};
use crate::error::Result;

/// Ranks some items alone: the others are never recommended.
pub struct Among<'a> {
    inner: &'a dyn Scorer,
    /// 0 for the items that are ranked, −∞ for the others, f32 `[V]`.
    offset: Tensor,
}

impl<'a> Among<'a> {
    /// Ranks these items.
    ///
    /// # Errors
    /// When memory is short.
    pub fn only(inner: &'a dyn Scorer, items: &[u32]) -> Result<Self> {
        Self::new(inner, items, (f64::NEG_INFINITY, 0.0))
    }

    /// Ranks all items but these.
    ///
    /// # Errors
    /// When memory is short.
    pub fn without(inner: &'a dyn Scorer, items: &[u32]) -> Result<Self> {
        Self::new(inner, items, (0.0, f64::NEG_INFINITY))
    }

    fn new(inner: &'a dyn Scorer, items: &[u32], (others, own): (f64, f64)) -> Result<Self> {
        let items: Vec<i64> = items.iter().map(|&i| i64::from(i)).collect();
        let offset = Tensor::f_full([inner.n_items()], others, (Kind::Float, Device::Cpu))?;
        let offset = offset.f_index_fill(0, &Tensor::f_from_slice(&items)?, own)?;
        Ok(Self { inner, offset })
    }
}

impl Scorer for Among<'_> {
    fn n_items(&self) -> i64 {
        self.inner.n_items()
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let scores = self.inner.scores(queries)?;
        Ok(scores.f_add(&self.offset.f_to_device(scores.device())?)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rank::{Chance, recommend};

    #[test]
    fn the_others_are_never_recommended() {
        let query = Query {
            user: None,
            history: &[1],
        };
        let best = |scorer: &dyn Scorer| {
            let best = recommend(scorer, query, 9).unwrap();
            let mut items: Vec<u32> = best.into_iter().map(|(item, _)| item).collect();
            items.sort_unstable();
            items
        };
        let chance = Chance(5);
        assert_eq!(best(&Among::only(&chance, &[0, 1, 4]).unwrap()), [0, 4]);
        assert_eq!(best(&Among::without(&chance, &[0, 4]).unwrap()), [2, 3]);
        assert!(best(&Among::only(&chance, &[]).unwrap()).is_empty());
    }
}
