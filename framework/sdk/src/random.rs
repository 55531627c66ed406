//! Draws from a generator of a component's own: equal seeds give equal numbers in every run, on every device, and
//! libtorch's generator, which belongs to the host, is left alone.

use rand::seq::SliceRandom;
use rand::{RngCore, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::prelude::*;

/// The generator.
pub type Generator = rand_chacha::ChaCha12Rng;

/// A generator that starts from a seed.
pub fn generator(seed: u64) -> Generator {
    Generator::seed_from_u64(seed)
}

/// Standard normal draws, row by row, on the CPU.
///
/// # Shapes
/// The result f64 `[rows,columns]`.
///
/// # Errors
/// When memory is short.
pub fn normal(generator: &mut impl RngCore, rows: i64, columns: i64) -> Result<Tensor> {
    let draws = StandardNormal.sample_iter(generator);
    let values: Vec<f64> = draws.take((rows * columns) as usize).collect();
    Ok(Tensor::f_from_slice(&values)?.f_view([rows, columns])?)
}

/// The numbers from 0 to `n` − 1 in random order.
pub fn permutation(generator: &mut impl RngCore, n: usize) -> Vec<i64> {
    let mut numbers: Vec<i64> = (0..n as i64).collect();
    numbers.shuffle(generator);
    numbers
}
