//! Pairs of items that stand together, and items that do not.

use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, permutation};
use rand::Rng;
use rand_distr::Distribution;
use rand_distr::weighted::WeightedAliasIndex;

use crate::settings::Settings;

/// The histories of at least two items, and how items are drawn from them.
pub(crate) struct Corpus<'a> {
    histories: Vec<&'a [usize]>,
    /// Places that lie from one item to another that it stands with, at most.
    window: usize,
    /// Probability of each item that an occurrence is kept.
    kept: Vec<f64>,
    negatives: WeightedAliasIndex<f64>,
    /// How often each item occurs.
    pub(crate) counts: Vec<u64>,
}

/// Centres and their contexts, pair by pair.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Pairs {
    /// An item a centre, `[C]`.
    pub(crate) centres: Vec<i64>,
    /// How many contexts each centre has, `[C]`.
    pub(crate) counts: Vec<f32>,
    /// Of each pair, the place of its centre in `centres`, rising, `[P]`.
    pub(crate) places: Vec<i64>,
    /// Of each pair, the item of its context, `[P]`.
    pub(crate) contexts: Vec<i64>,
}

impl<'a> Corpus<'a> {
    pub(crate) fn new(histories: &'a Histories, settings: &Settings) -> Result<Self> {
        let mut counts = vec![0_u64; histories.n_items];
        let longer: Vec<_> = histories.of_users().filter(|h| h.len() >= 2).collect();
        for &item in longer.iter().copied().flatten() {
            counts[item] += 1;
        }
        let total = counts.iter().sum::<u64>() as f64;
        must(total > 0.0, || {
            "no history has two items, so no items stand together".to_owned()
        })?;
        // 1 − √(ρ / f) is left out: Mikolov and others 2013, equation 5.
        let kept = counts.iter().map(|&count| match settings.subsample {
            share if share > 0.0 => (share * total / count.max(1) as f64).sqrt().min(1.0),
            _ => 1.0,
        });
        let power = settings.negatives_power;
        let weights = counts.iter().map(|&count| match count {
            0 => 0.0,
            count => (count as f64).powf(power),
        });
        let negatives = WeightedAliasIndex::new(weights.collect()).map_err(|error| {
            Error::invalid(format!(
                "items cannot be drawn with `negatives_power` {power}: {error}"
            ))
        })?;
        Ok(Self {
            histories: longer,
            window: match settings.window {
                0 => usize::MAX,
                window => window as usize,
            },
            kept: kept.collect(),
            negatives,
            counts,
        })
    }

    /// Walks through the histories in random order, each from its oldest item on, and hands out about `size` pairs at a
    /// time.
    pub(crate) fn walk(
        &self,
        size: usize,
        generator: &mut Generator,
        mut step: impl FnMut(&Pairs, &mut Generator) -> Result<()>,
    ) -> Result<()> {
        let mut pairs = Pairs::default();
        let mut history = Vec::new();
        for number in permutation(generator, self.histories.len()) {
            history.clear();
            for &item in self.histories[number as usize] {
                if self.kept[item] >= 1.0 || generator.random::<f64>() < self.kept[item] {
                    history.push(item as i64);
                }
            }
            for at in 0..history.len() {
                pairs.add(&history, at, self.window);
                if pairs.contexts.len() >= size {
                    step(&pairs, generator)?;
                    pairs.clear();
                }
            }
        }
        match pairs.contexts.is_empty() {
            true => Ok(()),
            false => step(&pairs, generator),
        }
    }

    /// Items drawn in proportion to a power of how often they occur.
    pub(crate) fn draw_negatives(&self, n: usize, generator: &mut Generator) -> Vec<i64> {
        let draws = (&self.negatives).sample_iter(generator).take(n);
        draws.map(|item| item as i64).collect()
    }
}

impl Pairs {
    /// Adds the place `at` of a history as a centre, with all others that are at most `window` away.
    fn add(&mut self, history: &[i64], at: usize, window: usize) {
        let from = at.saturating_sub(window);
        let to = at.saturating_add(window).min(history.len() - 1);
        if from == to {
            return;
        }
        self.contexts.extend_from_slice(&history[from..at]);
        self.contexts.extend_from_slice(&history[at + 1..=to]);
        let place = self.centres.len() as i64;
        self.places.extend(std::iter::repeat_n(place, to - from));
        self.centres.push(history[at]);
        self.counts.push((to - from) as f32);
    }

    fn clear(&mut self) {
        self.centres.clear();
        self.counts.clear();
        self.places.clear();
        self.contexts.clear();
    }
}

#[cfg(test)]
mod tests {
    use lapidary_sdk::random::generator;

    use super::*;

    fn histories(of_users: &[&[i64]], n_items: i64) -> Histories {
        let ends = of_users.iter().scan(0, |end, history| {
            *end += history.len() as i64;
            Some(*end)
        });
        let offsets: Vec<i64> = [0].into_iter().chain(ends).collect();
        let train = Interactions {
            offsets: Tensor::from_slice(&offsets),
            items: Tensor::from_slice(&of_users.concat()),
        };
        Histories::read(&train, n_items).unwrap()
    }

    fn pairs(history: &[i64], window: u32) -> Vec<(i64, i64)> {
        let histories = histories(&[history], 10);
        let settings = Settings {
            window,
            subsample: 0.0,
            ..Settings::default()
        };
        let corpus = Corpus::new(&histories, &settings).unwrap();
        let mut found = Vec::new();
        corpus
            .walk(3, &mut generator(0), |pairs, _| {
                let of = |place: &i64| pairs.centres[*place as usize];
                found.extend(pairs.places.iter().map(of).zip(pairs.contexts.clone()));
                let counted: f32 = pairs.counts.iter().sum();
                assert_eq!(counted as usize, pairs.places.len());
                Ok(())
            })
            .unwrap();
        found
    }

    #[test]
    fn items_within_the_window_are_pairs_in_both_orders() {
        let expected = [(4, 7), (7, 4), (7, 5), (5, 7), (5, 4), (4, 5)];
        assert_eq!(pairs(&[4, 7, 5, 4], 1), expected);
        assert_eq!(pairs(&[4, 7, 5, 6], 0).len(), 12);
        assert_eq!(pairs(&[4, 7, 5, 6], 2).len(), 10);
    }

    #[test]
    fn frequent_items_are_left_out_as_often_as_the_paper_says() {
        // Item 0 is half of all, items 1 to 4 an eighth each: of item 0 √(0.125 / 0.5) = 1/2 is kept.
        let of_users: Vec<&[i64]> = vec![&[0, 1, 0, 2, 0, 3, 0, 4]; 2000];
        let histories = histories(&of_users, 6);
        let settings = Settings {
            window: 0,
            subsample: 0.125,
            ..Settings::default()
        };
        let corpus = Corpus::new(&histories, &settings).unwrap();
        let mut seen = [0; 6];
        let count = |pairs: &Pairs, _: &mut Generator| {
            for &item in &pairs.centres {
                seen[item as usize] += 1;
            }
            Ok(())
        };
        corpus.walk(100, &mut generator(1), count).unwrap();
        assert_eq!(&seen[1..], [2000, 2000, 2000, 2000, 0]);
        assert!((3800..4200).contains(&seen[0]), "{seen:?}");
    }

    #[test]
    fn negatives_follow_the_power_of_the_counts() {
        let long: Vec<i64> = [vec![0; 16], vec![1; 1]].concat();
        let histories = histories(&[&long, &[2]], 3);
        let corpus = Corpus::new(&histories, &Settings::default()).unwrap();
        let draws = corpus.draw_negatives(90_000, &mut generator(2));
        let count = |item| draws.iter().filter(|&&drawn| drawn == item).count();
        // 16^0.75 = 8; item 2 stands alone.
        assert!((79_000..81_000).contains(&count(0)), "{}", count(0));
        assert_eq!((count(0) + count(1), count(2)), (90_000, 0));
    }
}
