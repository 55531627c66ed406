//! Triples of a user, an item they had and an item they had not.

use lapidary_sdk::prelude::*;
use lapidary_sdk::random::{Generator, permutation};
use rand::Rng;

/// Which items each user had.
pub(crate) struct Had {
    /// Each user's items, rising, each once.
    of_users: Vec<Vec<usize>>,
    n_items: usize,
}

impl Had {
    fn new(histories: &Histories) -> Self {
        let of_users = histories.of_users().map(|history| {
            let mut items = history.to_vec();
            items.sort_unstable();
            items.dedup();
            items
        });
        Self {
            of_users: of_users.collect(),
            n_items: histories.n_items,
        }
    }

    /// Whether there is an item that the user had not.
    fn lacks_some(&self, user: usize) -> bool {
        self.of_users
            .get(user)
            .is_some_and(|had| had.len() < self.n_items)
    }

    /// An item that the user had not, all alike probable. The user must lack one.
    pub(crate) fn draw_other(&self, user: usize, generator: &mut Generator) -> usize {
        let had = self.of_users.get(user).map_or(&[][..], Vec::as_slice);
        loop {
            let item = generator.random_range(0..self.n_items);
            if had.binary_search(&item).is_err() {
                return item;
            }
        }
    }
}

/// A user and an item they had.
pub(crate) type Interaction = (usize, usize);

/// The interactions, a part of them held out.
pub(crate) struct Task {
    pub(crate) had: Had,
    /// To train on.
    pub(crate) trained: Vec<Interaction>,
    /// The last of some users, to be ranked above what the user had not.
    pub(crate) held_out: Vec<Interaction>,
}

impl Task {
    /// Holds out the last interaction of a `share` of the users that have another one, of at most `most`. Users that had
    /// every item teach nothing and are left out.
    pub(crate) fn new(
        histories: &Histories,
        share: f64,
        most: usize,
        generator: &mut Generator,
    ) -> Result<Self> {
        let had = Had::new(histories);
        let ends = histories.of_users().map(<[usize]>::len).enumerate();
        let eligible: Vec<usize> = ends
            .filter(|&(user, length)| length >= 2 && had.lacks_some(user))
            .map(|(user, _)| user)
            .collect();
        let wanted = (eligible.len() as f64 * share).ceil() as usize;
        let mut is_held_out = vec![false; had.of_users.len()];
        for place in permutation(generator, eligible.len())
            .into_iter()
            .take(wanted.min(most))
        {
            is_held_out[eligible[place as usize]] = true;
        }
        let (mut trained, mut held_out) = (Vec::new(), Vec::new());
        for (user, history) in histories.of_users().enumerate() {
            if !had.lacks_some(user) {
                continue;
            }
            let (last, rest) = match history {
                [rest @ .., last] if is_held_out[user] => (Some(*last), rest),
                all => (None, all),
            };
            held_out.extend(last.map(|item| (user, item)));
            trained.extend(rest.iter().map(|&item| (user, item)));
        }
        must(!trained.is_empty(), || {
            "there is no training interaction of a user who lacks an item, so nothing can be ranked"
                .to_owned()
        })?;
        Ok(Self {
            had,
            trained,
            held_out,
        })
    }

    /// The numbers of all training interactions in random order.
    pub(crate) fn shuffled(&self, generator: &mut Generator) -> Vec<i64> {
        permutation(generator, self.trained.len())
    }

    /// The training interactions of these numbers, each with an item that the user had not.
    pub(crate) fn batch(
        &self,
        numbers: &[i64],
        generator: &mut Generator,
        device: Device,
    ) -> Result<Batch> {
        let mut columns = [const { Vec::new() }; 3];
        for &number in numbers {
            let (user, item) = self.trained[number as usize];
            let other = self.had.draw_other(user, generator);
            for (column, value) in columns.iter_mut().zip([user, item, other]) {
                column.push(value as i64);
            }
        }
        let tensor =
            |values: &[i64]| Ok::<_, Error>(Tensor::f_from_slice(values)?.f_to_device(device)?);
        let [users, items, others] = &columns;
        Ok(Batch {
            users: tensor(users)?,
            items: tensor(items)?,
            others: tensor(others)?,
        })
    }
}

/// Triples as columns, i64 `[B]` each.
pub(crate) struct Batch {
    pub(crate) users: Tensor,
    pub(crate) items: Tensor,
    pub(crate) others: Tensor,
}
