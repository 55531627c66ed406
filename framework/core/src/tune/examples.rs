//! Whom to train on: users, the item that came next, and others that did not. The training part alone is read.

use std::collections::HashSet;

use rand::Rng;
use rand::seq::{SliceRandom, index};
use tch::{Device, Tensor};

use super::settings::TuneSettings;
use crate::data::Split;
use crate::error::{Error, Result};
use crate::train::seed::{self, Purpose};

/// The users of a run, the same in each epoch.
pub(super) struct Examples {
    users: Vec<u32>,
}

impl Examples {
    /// A seeded sample of the users who have an item with one before it in training, and lack an item.
    pub fn new(split: &Split, settings: &TuneSettings) -> Result<Self> {
        let held_out = split.held_out();
        let usable = |&user: &usize| {
            let train = split.train(user);
            train.len() >= 2 && distinct(train).len() + held_out.len() < split.n_items
        };
        let mut users: Vec<u32> = (0..split.sequences.users())
            .filter(usable)
            .map(|user| user as u32)
            .collect();
        if users.is_empty() {
            let reason = "no user has two training items; fine-tuning needs one to predict and one before it";
            return Err(Error::setting("fine_tune", reason));
        }
        if settings.users < users.len() {
            let mut rng = seed::rng(settings.seed, Purpose::Users, [0, 0]);
            let chosen = index::sample(&mut rng, users.len(), settings.users);
            let mut chosen: Vec<u32> = chosen.iter().map(|n| users[n]).collect();
            chosen.sort_unstable();
            users = chosen;
        }
        Ok(Self { users })
    }

    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// The users in an epoch's order.
    pub fn order(&self, seed: u64, epoch: u32) -> Vec<u32> {
        let mut users = self.users.clone();
        let mut rng = seed::rng(seed, Purpose::Order, [epoch.into(), 0]);
        users.shuffle(&mut rng);
        users
    }
}

/// What a user trained with before the last training item, oldest first.
pub(super) fn history(split: &Split, user: u32) -> &[u32] {
    let train = split.train(user as usize);
    train.split_last().map_or(train, |(_, before)| before)
}

/// The last training item of each user, and sampled ones that the user did not train with, drawn anew in each epoch.
///
/// # Shapes
/// Result i64 `[B,1+n]`.
pub(super) fn candidates(
    split: &Split,
    users: &[u32],
    settings: &TuneSettings,
    epoch: u32,
    device: Device,
) -> Result<Tensor> {
    let width = 1 + settings.negatives;
    let mut items = Vec::with_capacity(users.len() * width);
    for &user in users {
        let train = split.train(user as usize);
        let known = distinct(train);
        items.extend(train.last().map(|&item| i64::from(item)));
        let mut rng = seed::rng(
            settings.seed,
            Purpose::Negatives,
            [epoch.into(), user.into()],
        );
        let draws = std::iter::repeat_with(|| rng.random_range(0..split.n_items as u32));
        // Items held out of training are new: no loss may know them.
        let new = |item: &u32| split.held_out().binary_search(item).is_ok();
        let negatives = draws.filter(|item| !known.contains(item) && !new(item));
        items.extend(negatives.take(settings.negatives).map(i64::from));
    }
    let shape = [users.len() as i64, width as i64];
    Ok(Tensor::f_from_slice(&items)?
        .f_view(shape)?
        .f_to_device(device)?)
}

fn distinct(items: &[u32]) -> HashSet<u32> {
    items.iter().copied().collect()
}
