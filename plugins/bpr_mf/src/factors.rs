//! The vectors of users and items, and how they learn.

use lapidary_sdk::nn::{Ranker, SparseAdam, Triples};
use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, normal};

use crate::settings::Settings;

/// User vectors p, f32 `[U,d]`, and item vectors q, f32 `[V,d]`.
pub(crate) struct Factors {
    users: SparseAdam,
    items: SparseAdam,
    regularisation: f64,
}

impl Factors {
    /// Draws the first vectors.
    pub(crate) fn new(
        generator: &mut Generator,
        [n_users, n_items, dim]: [i64; 3],
        settings: &Settings,
        device: Device,
    ) -> Result<Self> {
        let mut table = |rows| {
            let values = normal(generator, rows, dim)?.f_mul_scalar(settings.init_std)?;
            Ok::<_, Error>(values.f_to_kind(DType::Float)?.f_to_device(device)?)
        };
        let (users, items) = (table(n_users)?, table(n_items)?);
        Self::of(users, items, settings)
    }

    fn of(users: Tensor, items: Tensor, settings: &Settings) -> Result<Self> {
        Ok(Self {
            users: SparseAdam::new(users, settings.learning_rate)?,
            items: SparseAdam::new(items, settings.learning_rate)?,
            regularisation: settings.regularisation,
        })
    }
}

impl Ranker for Factors {
    /// One step against the gradient of `Σ −ln σ(x) + λ/2 (‖p‖² + ‖q‖² + ‖q′‖²)` over triples, with `x = p·(q − q′)`:
    /// equation 7 and the derivatives below it, with one λ for all.
    fn step(&mut self, batch: &Triples) -> Result<()> {
        let p = self.users.select(&batch.users)?;
        let (had, other) = (
            self.items.select(&batch.items)?,
            self.items.select(&batch.others)?,
        );
        let difference = had.f_sub(&other)?;
        let x = p
            .f_mul(&difference)?
            .f_sum_dim_intlist(1, true, DType::Float)?;
        // d(−ln σ(x))/dx
        let slope = x.f_neg()?.f_sigmoid()?.f_neg()?;
        let pulled = p.f_mul(&slope)?;
        let decay = |vectors: &Tensor| vectors.f_mul_scalar(self.regularisation);
        let of_users = difference.f_mul(&slope)?.f_add(&decay(&p)?)?;
        let of_items = [decay(&had)?.f_add(&pulled)?, decay(&other)?.f_sub(&pulled)?];
        let numbers = Tensor::f_cat(&[&batch.items, &batch.others], 0)?;
        self.users.step(&batch.users, &of_users)?;
        self.items.step(&numbers, &Tensor::f_cat(&of_items, 0)?)
    }

    fn vectors(&self) -> Result<(Tensor, Tensor)> {
        let copy = |table: &SparseAdam| table.table().f_detach_copy();
        Ok((copy(&self.users)?, copy(&self.items)?))
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
        let settings = Settings {
            learning_rate: 0.05,
            regularisation: 0.1,
            ..Settings::default()
        };
        let mut factors = Factors::of(tensor("users"), tensor("items"), &settings).unwrap();
        let batches = tensor("batches");
        for step in 0..batches.size()[0] {
            let batch = batches.get(step);
            factors
                .step(&Triples {
                    users: batch.get(0),
                    items: batch.get(1),
                    others: batch.get(2),
                })
                .unwrap();
        }
        let (users, items) = factors.vectors().unwrap();
        assert!(users.allclose(&tensor("users.after"), 1e-4, 1e-5, false));
        assert!(items.allclose(&tensor("items.after"), 1e-4, 1e-5, false));
        assert!(!items.allclose(&tensor("items"), 1e-2, 1e-2, false));
    }
}
