//! Seeds: one number from which every random choice of a run follows.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a seed is for; choices of different purposes are independent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// The order of users in an epoch.
    Order = 1,
    /// libtorch's generator in a step: dropout, sampled negatives.
    Step = 2,
    /// The sample of validation cases.
    Validation = 3,
    /// Masked positions of a batch.
    Mask = 4,
    /// Values of a new item table.
    Table = 5,
    /// A backbone's first weights.
    Weights = 6,
    /// The sample of users for fine-tuning.
    Users = 7,
    /// A user's sampled items in fine-tuning.
    Negatives = 8,
}

/// Mixes numbers into a seed (SplitMix64's finaliser, Steele et al. 2014).
pub(super) fn mix(seed: u64, purpose: Purpose, place: [u64; 2]) -> u64 {
    [purpose as u64, place[0], place[1]]
        .iter()
        .fold(seed, |state, &part| {
            let mut z = state
                .wrapping_add(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(part.wrapping_mul(0xd1b5_4a32_d192_ed03));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
}

/// A generator for one purpose and place.
pub(crate) fn rng(seed: u64, purpose: Purpose, place: [u64; 2]) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(mix(seed, purpose, place))
}

/// Seeds libtorch's generators, of the whole process.
pub(super) fn libtorch(seed: u64, purpose: Purpose, place: [u64; 2]) {
    tch::manual_seed(mix(seed, purpose, place) as i64);
}

/// Seeds libtorch's generators for the first weights of a backbone: call it before the backbone is created.
pub fn seed_weights(seed: u64) {
    libtorch(seed, Purpose::Weights, [0, 0]);
}
