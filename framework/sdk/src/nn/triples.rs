//! Triples of a user, an item they had and an item they had not: what embedders that rank learn from (Rendle and others 2009,
//! <https://arxiv.org/abs/1205.2618>).

use rand::Rng;

use crate::prelude::*;
use crate::random::{Generator, permutation};

/// Users of whom an interaction is held out, at most: more would tell hardly more and cost time every epoch.
const MOST_HELD_OUT: usize = 10_000;

/// Which items each user had.
struct Had {
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
    fn draw_other(&self, user: usize, generator: &mut Generator) -> usize {
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
pub type Interaction = (usize, usize);

/// The interactions of a ranking task, a part of them held out.
pub struct RankingTask {
    had: Had,
    /// To train on.
    pub trained: Vec<Interaction>,
    /// The last of some users, to be ranked above what the user had not.
    pub held_out: Vec<Interaction>,
}

impl RankingTask {
    /// Holds out the last interaction of a `share` of the users that have another one, of 10,000 at most. Users that had every
    /// item teach nothing and are left out.
    ///
    /// # Errors
    /// When nothing is left to train on.
    pub fn new(histories: &Histories, share: f64, generator: &mut Generator) -> Result<Self> {
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
            .take(wanted.min(MOST_HELD_OUT))
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

    /// An item that the user had not, all alike probable. The user must have an interaction here.
    pub(super) fn draw_other(&self, user: usize, generator: &mut Generator) -> usize {
        self.had.draw_other(user, generator)
    }

    /// The numbers of all training interactions in random order.
    pub fn shuffled(&self, generator: &mut Generator) -> Vec<i64> {
        permutation(generator, self.trained.len())
    }

    /// The training interactions of these numbers, each with an item that the user had not.
    ///
    /// # Errors
    /// When memory is short.
    pub fn batch(
        &self,
        numbers: &[i64],
        generator: &mut Generator,
        device: Device,
    ) -> Result<Triples> {
        let mut columns = [const { Vec::new() }; 3];
        for &number in numbers {
            let interaction = self.trained.get(number as usize).copied();
            let (user, item) = interaction
                .ok_or_else(|| Error::invalid(format!("there is no interaction {number}")))?;
            let other = self.had.draw_other(user, generator);
            for (column, value) in columns.iter_mut().zip([user, item, other]) {
                column.push(value as i64);
            }
        }
        let tensor =
            |values: &[i64]| Ok::<_, Error>(Tensor::f_from_slice(values)?.f_to_device(device)?);
        let [users, items, others] = &columns;
        Ok(Triples {
            users: tensor(users)?,
            items: tensor(items)?,
            others: tensor(others)?,
        })
    }
}

/// Triples as columns, i64 `[B]` each.
pub struct Triples {
    /// The users.
    pub users: Tensor,
    /// Items that they had.
    pub items: Tensor,
    /// Items that they had not.
    pub others: Tensor,
}
