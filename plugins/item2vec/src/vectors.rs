//! The vectors of items as centres and as contexts, and how they learn.

use lapidary_sdk::nn::SparseAdam;
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, normal};

use crate::corpus::Pairs;

/// Standard deviation of the first vectors.
const INIT_STD: f64 = 0.1;

/// Vectors w of items as centres and v as contexts, f32 `[V,d]` each.
pub(crate) struct Vectors {
    centres: SparseAdam,
    contexts: SparseAdam,
    device: Device,
}

impl Vectors {
    /// Draws the first vectors of centres; those of contexts begin at 0, as in word2vec.
    pub(crate) fn new(
        generator: &mut Generator,
        [n_items, dim]: [i64; 2],
        learning_rate: f64,
        device: Device,
    ) -> Result<Self> {
        let centres = normal(generator, n_items, dim)?.f_mul_scalar(INIT_STD)?;
        let centres = centres.f_to_kind(DType::Float)?.f_to_device(device)?;
        let contexts = centres.f_zeros_like()?;
        Self::of(centres, contexts, learning_rate)
    }

    fn of(centres: Tensor, contexts: Tensor, learning_rate: f64) -> Result<Self> {
        Ok(Self {
            device: centres.device(),
            centres: SparseAdam::new(centres, learning_rate)?,
            contexts: SparseAdam::new(contexts, learning_rate)?,
        })
    }

    /// The vectors of centres.
    pub(crate) fn centres(&self) -> &Tensor {
        self.centres.table()
    }

    /// One step against the gradient of `Σ −ln σ(w·v) + Σ n weight Σ −ln σ(−w·v′)`: the first sum is over pairs, the second
    /// over centres, of n contexts each, the third over the `negatives` v′, which all centres share.
    pub(crate) fn step(&mut self, pairs: &Pairs, negatives: &[i64], weight: f64) -> Result<()> {
        let tensor = |values: &[i64]| {
            Ok::<_, Error>(Tensor::f_from_slice(values)?.f_to_device(self.device)?)
        };
        let (centres, places) = (tensor(&pairs.centres)?, tensor(&pairs.places)?);
        let (contexts, negatives) = (tensor(&pairs.contexts)?, tensor(negatives)?);
        let counts = Tensor::f_from_slice(&pairs.counts)?
            .f_to_device(self.device)?
            .f_unsqueeze(1)?;

        let w = self.centres.select(&centres)?;
        let of_pairs = w.f_index_select(0, &places)?;
        let v = self.contexts.select(&contexts)?;
        // d(−ln σ(x))/dx = −σ(−x)
        let pull = of_pairs
            .f_mul(&v)?
            .f_sum_dim_intlist(1, true, DType::Float)?
            .f_neg()?
            .f_sigmoid()?
            .f_neg()?;
        let others = self.contexts.select(&negatives)?;
        // d(−ln σ(−x))/dx = σ(x), `[C,S]`
        let push = w
            .f_matmul(&others.f_tr()?)?
            .f_sigmoid()?
            .f_mul(&counts.f_mul_scalar(weight)?)?;

        let of_centres = self
            .sum_contexts(&contexts, &counts, &pull)?
            .f_add(&push.f_matmul(&others)?)?;
        let of_contexts = [of_pairs.f_mul(&pull)?, push.f_tr()?.f_matmul(&w)?];
        let numbers = Tensor::f_cat(&[contexts, negatives], 0)?;
        self.centres.step(&centres, &of_centres)?;
        self.contexts
            .step(&numbers, &Tensor::f_cat(&of_contexts, 0)?)
    }

    /// Of each centre, the sum of its contexts' vectors times their weights.
    ///
    /// # Shapes
    /// `contexts` i64 `[P]`, `counts` f32 `[C,1]`, `weights` f32 `[P,1]`; the result f32 `[C,d]`.
    fn sum_contexts(&self, contexts: &Tensor, counts: &Tensor, weights: &Tensor) -> Result<Tensor> {
        const SUM: i64 = 0;
        let counts = counts.f_squeeze_dim(1)?.f_to_kind(DType::Int64)?;
        let starts = counts.f_cumsum(0, DType::Int64)?.f_sub(&counts)?;
        let weights = Some(weights.f_squeeze_dim(1)?);
        let table = self.contexts.table();
        let (sums, ..) =
            Tensor::f_embedding_bag(table, contexts, &starts, false, SUM, false, weights, false)?;
        Ok(sums)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use lapidary_sdk::component::find;

    use super::*;

    const FIXTURE: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/steps.safetensors"
    );

    /// `fixtures/make_steps.py`
    #[test]
    fn steps_agree_with_pytorch() {
        let fixture = Tensor::read_safetensors(FIXTURE).unwrap();
        let tensor = |name: &str| find(&fixture, name).unwrap().copy();
        let numbers = |name: &str| Vec::<i64>::try_from(tensor(name)).unwrap();
        let pairs = Pairs {
            centres: numbers("pairs.centres"),
            counts: Vec::try_from(tensor("pairs.counts")).unwrap(),
            places: numbers("pairs.places"),
            contexts: numbers("pairs.contexts"),
        };
        let mut vectors = Vectors::of(tensor("centres"), tensor("contexts"), 0.05).unwrap();
        for _ in 0..3 {
            vectors.step(&pairs, &numbers("negatives"), 2.5).unwrap();
        }
        for (table, name) in [
            (&vectors.centres, "centres"),
            (&vectors.contexts, "contexts"),
        ] {
            let expected = tensor(&format!("{name}.after"));
            assert!(
                table.table().allclose(&expected, 1e-4, 1e-5, false),
                "{name}"
            );
            assert!(!expected.allclose(&tensor(name), 1e-2, 1e-2, false));
        }
    }
}
