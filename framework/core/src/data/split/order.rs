//! Each user's sequence in time, ties broken by a seeded shuffle.

use sha2::{Digest, Sha256};

use crate::data::{Dataset, Sequences};
use crate::error::Result;
use crate::interrupt;

/// All sequences, oldest first, and the time of each interaction.
pub(super) struct Ordered {
    pub sequences: Sequences,
    /// Aligned with the sequences' items.
    pub times: Option<Vec<i64>>,
}

impl Ordered {
    /// The times of a user's sequence, where there are times.
    pub fn times_of(&self, user: usize) -> Option<&[i64]> {
        let offsets = &self.sequences.offsets;
        self.times
            .as_deref()
            .map(|t| &t[offsets[user] as usize..offsets[user + 1] as usize])
    }
}

/// Reads all sequences. Interactions of a user with equal times get an order drawn from the seed, the user's and the
/// items' identifiers, so it depends neither on the file's order nor on other users.
pub(super) fn ordered(data: &Dataset, seed: u64) -> Result<Ordered> {
    let n = data.interactions();
    let mut sequences = Sequences {
        offsets: data.offsets().to_vec(),
        items: Vec::with_capacity(n),
    };
    let mut times = data.has_times().then(|| Vec::with_capacity(n));
    let draws = (0..data.items() as u32)
        .map(|i| Ok(draw_of(&data.item_id(i)?)))
        .collect::<Result<Vec<u64>>>()?;
    let users = data.users();
    for start in (0..users).step_by(4096) {
        interrupt::check()?;
        let mut part = data.columns_of(start..(start + 4096).min(users))?;
        if let (Some(all), Some(own)) = (&mut times, part.times) {
            let mut from = 0;
            for user in start..(start + 4096).min(users) {
                let len = (data.offsets()[user + 1] - data.offsets()[user]) as usize;
                let range = from..from + len;
                from += len;
                let draw = mix(draw_of(&data.user_id(user as u32)?) ^ mix(seed));
                shuffle_ties(&mut part.items[range.clone()], &own[range], |item| {
                    mix(draw ^ draws[item as usize])
                });
            }
            all.extend(own);
        }
        sequences.items.extend(part.items);
    }
    Ok(Ordered { sequences, times })
}

fn shuffle_ties(items: &mut [u32], times: &[i64], draw: impl Fn(u32) -> u64) {
    let mut from = 0;
    for run in times.chunk_by(|a, b| a == b) {
        let items = &mut items[from..from + run.len()];
        from += run.len();
        if items.len() < 2 {
            continue;
        }
        let mut drawn: Vec<(u64, u32)> = items.iter().map(|i| (draw(*i), *i)).collect();
        drawn.sort_unstable();
        // An item that comes twice draws twice.
        for at in 1..drawn.len() {
            if drawn[at].1 == drawn[at - 1].1 {
                drawn[at].0 = mix(drawn[at - 1].0);
            }
        }
        drawn.sort_unstable();
        for (item, (_, drawn)) in items.iter_mut().zip(drawn) {
            *item = drawn;
        }
    }
}

pub(super) fn draw_of(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The output function of SplitMix64 (Steele, Lea and Flood 2014).
pub(super) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn shuffled(items: &[u32], times: &[i64], seed: u64) -> Vec<u32> {
        let mut items = items.to_vec();
        shuffle_ties(&mut items, times, |i| {
            mix(mix(seed) ^ draw_of(&i.to_string()))
        });
        items
    }

    #[test]
    fn every_order_of_a_tie_is_equally_likely() {
        let mut seen: HashMap<Vec<u32>, f64> = HashMap::new();
        for seed in 0..6000 {
            *seen
                .entry(shuffled(&[1, 2, 3], &[0, 0, 0], seed))
                .or_default() += 1.0;
        }
        assert_eq!(seen.len(), 6);
        let chi_squared: f64 = seen
            .values()
            .map(|n| (n - 1000.0) * (n - 1000.0) / 1000.0)
            .sum();
        // Five degrees of freedom: above 20.5 in one of a thousand cases; the seeds are fixed.
        assert!(chi_squared < 20.5, "{seen:?}");
    }

    #[test]
    fn an_item_that_comes_twice_may_be_parted() {
        let orders: std::collections::HashSet<_> = (0..50)
            .map(|seed| shuffled(&[1, 1, 2], &[0, 0, 0], seed))
            .collect();
        assert_eq!(orders.len(), 3);
    }

    proptest! {
        #[test]
        fn only_ties_move_and_the_order_before_does_not_matter(
            rows in prop::collection::vec((0u32..20, 0i64..6), 1..40), seed: u64, turn in 0usize..40
        ) {
            let mut rows = rows;
            rows.sort_by_key(|r| r.1);
            let split = |rows: &[(u32, i64)]| -> (Vec<u32>, Vec<i64>) { rows.iter().copied().unzip() };
            let (items, times) = split(&rows);
            let once = shuffled(&items, &times, seed);
            for time in 0..6 {
                let of = |items: &[u32]| {
                    let mut at: Vec<u32> =
                        items.iter().zip(&times).filter(|(_, t)| **t == time).map(|(i, _)| *i).collect();
                    at.sort_unstable();
                    at
                };
                prop_assert_eq!(of(&items), of(&once));
            }
            let turn = turn % rows.len();
            rows.rotate_left(turn);
            rows.sort_by_key(|r| r.1);
            let (turned, same_times) = split(&rows);
            prop_assert_eq!(&times, &same_times);
            prop_assert_eq!(once, shuffled(&turned, &times, seed));
        }
    }
}
