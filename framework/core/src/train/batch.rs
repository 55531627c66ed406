//! Training sequences on the device, and batches made there.

use rand::Rng;
use rand::seq::SliceRandom;
use tch::{Device, Kind, Tensor};

use super::padded::Layout;
use super::seed::{self, Purpose};
use super::unseen::Known;
use crate::data::Split;
use crate::error::{Error, Result};
use lapidary_sdk::kinds::Objective;

/// The training part of a split, resident on a device. A sequence is cut to its last positions.
#[derive(Debug)]
pub struct TrainingSet {
    objective: Objective,
    /// Items of all users back to back, i32 `[N]`.
    items: Tensor,
    /// Where each sequence's first position stands in `items`, i64 `[S]`.
    starts: Tensor,
    /// Positions of each sequence, i64 `[S]`; the same for the host.
    lengths: Tensor,
    host_lengths: Vec<i64>,
    /// The user of each sequence, i64 `[S]`.
    users: Tensor,
    /// The items that may be targets or negatives, where these are not all.
    known: Option<Known>,
}

/// One batch: N real positions in B rows, T of them with a target.
#[derive(Debug)]
pub struct Batch {
    pub(super) layout: Layout,
    /// Item at each position, i64 `[N]`.
    pub items: Tensor,
    /// Which positions are hidden from the backbone, bool `[N]`; none: all are shown.
    pub(super) masked: Option<Tensor>,
    /// Which positions have a target, i64 `[T]`; none: all of them.
    pub(super) trained: Option<Tensor>,
    /// The target of each trained position, i64 `[T]`.
    pub targets: Tensor,
    /// The user of each row, i64 `[B]`.
    pub users: Tensor,
}

/// The batches of one epoch.
#[derive(Debug)]
pub(super) struct Epoch {
    seed: u64,
    number: u32,
    /// Sequence numbers, batch after batch, for the host and as i64 `[S]`.
    host_order: Vec<usize>,
    order: Tensor,
    /// First and one past the last place in the order of each batch.
    batches: Vec<(usize, usize)>,
}

impl Epoch {
    pub fn len(&self) -> usize {
        self.batches.len()
    }
}

impl TrainingSet {
    /// Puts the training part onto a device. Sequences with fewer than two items have nothing to predict and are left
    /// out.
    ///
    /// # Errors
    /// [`Error::Data`]-like trouble as [`Error::Setting`] when no sequence is left.
    pub fn new(split: &Split, objective: Objective, device: Device) -> Result<Self> {
        let max_len = split.max_len;
        let (mut items, mut starts) = (Vec::<i32>::new(), Vec::<i64>::new());
        let (mut lengths, mut users) = (Vec::<i64>::new(), Vec::<i64>::new());
        for user in 0..split.sequences.users() {
            let train = split.train(user);
            if train.len() < 2 {
                continue;
            }
            let length = match objective {
                Objective::NextItem => max_len.min(train.len() - 1),
                Objective::Cloze { .. } => max_len.min(train.len()),
            };
            let extra = usize::from(objective == Objective::NextItem);
            starts.push(items.len() as i64);
            items.extend(
                train[train.len() - length - extra..]
                    .iter()
                    .map(|&i| i as i32),
            );
            lengths.push(length as i64);
            users.push(user as i64);
        }
        if lengths.is_empty() {
            return Err(Error::setting(
                "training set",
                "no user has two interactions to train on; loosen the filters or the split",
            ));
        }
        let on_device = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(device);
        Ok(Self {
            objective,
            items: Tensor::f_from_slice(&items)?.f_to_device(device)?,
            starts: on_device(&starts)?,
            lengths: on_device(&lengths)?,
            users: on_device(&users)?,
            host_lengths: lengths,
            known: Known::new(split, device)?,
        })
    }

    /// The items that take part in the loss; none: all of them.
    pub(super) fn known(&self) -> Option<&Known> {
        self.known.as_ref()
    }

    /// Number of sequences, S.
    pub fn sequences(&self) -> usize {
        self.host_lengths.len()
    }

    /// Positions of all sequences.
    pub fn positions(&self) -> u64 {
        self.host_lengths.iter().sum::<i64>() as u64
    }

    /// Plans an epoch: sequences in random order, grouped by similar length, cut into batches, batches in random order.
    /// So batches differ between epochs, and hardly any position is padding.
    pub(super) fn epoch(&self, seed: u64, number: u32, batch_size: usize) -> Result<Epoch> {
        let mut rng = seed::rng(seed, Purpose::Order, [u64::from(number), 0]);
        let mut order: Vec<usize> = (0..self.sequences()).collect();
        order.shuffle(&mut rng);
        order.sort_by_key(|&s| length_class(self.host_lengths[s]));
        let mut batches: Vec<(usize, usize)> = (0..order.len())
            .step_by(batch_size)
            .map(|first| (first, (first + batch_size).min(order.len())))
            .collect();
        batches.shuffle(&mut rng);
        let numbers: Vec<i64> = order.iter().map(|&s| s as i64).collect();
        Ok(Epoch {
            seed,
            number,
            order: Tensor::f_from_slice(&numbers)?.f_to_device(self.items.device())?,
            host_order: order,
            batches,
        })
    }

    /// Makes a batch of a planned epoch. The host only adds up lengths; all else happens on the device.
    pub(super) fn batch(&self, epoch: &Epoch, number: usize) -> Result<Batch> {
        let (first, end) = epoch.batches[number];
        let lengths = epoch.host_order[first..end]
            .iter()
            .map(|&s| self.host_lengths[s]);
        let (total, width) = lengths.fold((0, 1), |(sum, max), l| (sum + l, l.max(max)));
        let chosen = epoch
            .order
            .f_narrow(0, first as i64, (end - first) as i64)?;
        let layout = Layout::new(&self.lengths.f_index_select(0, &chosen)?, total, width)?;
        let place = self
            .starts
            .f_index_select(0, &chosen)?
            .f_index_select(0, &layout.row_of)?
            .f_add(&layout.position)?;
        let items = self.at(&place)?;
        let users = self.users.f_index_select(0, &chosen)?;
        let (masked, trained, targets) = match self.objective {
            Objective::NextItem => (None, None, self.at(&place.f_add_scalar(1)?)?),
            Objective::Cloze { mask_probability } => {
                let lengths = epoch.host_order[first..end]
                    .iter()
                    .map(|&s| self.host_lengths[s]);
                let (masked, trained) = self.mask(epoch, number, lengths, mask_probability)?;
                let targets = items.f_index_select(0, &trained)?;
                (Some(masked), Some(trained), targets)
            }
        };
        Ok(Batch {
            layout,
            items,
            masked,
            trained,
            targets,
            users,
        })
    }

    fn at(&self, place: &Tensor) -> Result<Tensor> {
        Ok(self
            .items
            .f_index_select(0, place)?
            .f_to_kind(Kind::Int64)?)
    }

    /// Draws masked positions, at least one a sequence; the last one alone in a sequence where chance masks none, since
    /// that is the question asked when recommending (Sun et al. 2019).
    fn mask(
        &self,
        epoch: &Epoch,
        batch: usize,
        lengths: impl Iterator<Item = i64>,
        probability: f64,
    ) -> Result<(Tensor, Tensor)> {
        let place = [u64::from(epoch.number), batch as u64];
        let mut rng = seed::rng(epoch.seed, Purpose::Mask, place);
        let mut masked = Vec::new();
        for length in lengths {
            let first = masked.len();
            masked.extend((0..length).map(|_| rng.random_bool(probability.clamp(0.0, 1.0))));
            if !masked[first..].contains(&true)
                && let Some(last) = masked.last_mut()
            {
                *last = true;
            }
        }
        let trained: Vec<i64> = (0i64..)
            .zip(&masked)
            .filter_map(|(n, &m)| m.then_some(n))
            .collect();
        let device = self.items.device();
        Ok((
            Tensor::f_from_slice(&masked)?.f_to_device(device)?,
            Tensor::f_from_slice(&trained)?.f_to_device(device)?,
        ))
    }
}

/// Classes of similar length: single lengths up to 16, then steps of about a ninth.
fn length_class(length: i64) -> i64 {
    match length {
        ..=16 => length,
        longer => 16 + ((longer as f64 / 16.0).log2() * 6.0).ceil() as i64,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::train::tests::support;

    fn rows(set: &TrainingSet, epoch: &Epoch) -> Vec<(i64, Vec<i64>, Vec<i64>)> {
        let mut rows = Vec::new();
        for number in 0..epoch.len() {
            let batch = set.batch(epoch, number).unwrap();
            let row_of = Vec::<i64>::try_from(&batch.layout.row_of).unwrap();
            let items = Vec::<i64>::try_from(&batch.items).unwrap();
            let targets = Vec::<i64>::try_from(&batch.targets).unwrap();
            let of = |values: &[i64], row: i64| -> Vec<i64> {
                let pairs = values.iter().zip(&row_of);
                pairs.filter(|(_, r)| **r == row).map(|(v, _)| *v).collect()
            };
            let users = Vec::<i64>::try_from(&batch.users).unwrap();
            for (row, user) in (0..).zip(users) {
                rows.push((user, of(&items, row), of(&targets, row)));
            }
        }
        rows.sort();
        rows
    }

    #[test]
    fn every_sequence_comes_once_cut_to_its_last_positions() {
        let sequences = vec![
            vec![1, 2, 3, 4, 5, 6],
            vec![7],
            vec![2, 1],
            vec![],
            vec![0, 3, 0],
        ];
        let split = support::train_only(&sequences, 8, 3);
        let set = TrainingSet::new(&split, Objective::NextItem, Device::Cpu).unwrap();
        let epoch = set.epoch(1, 1, 2).unwrap();
        let expected = vec![
            (0, vec![3, 4, 5], vec![4, 5, 6]),
            (2, vec![2], vec![1]),
            (4, vec![0, 3], vec![3, 0]),
        ];
        assert_eq!(rows(&set, &epoch), expected);
        assert_eq!(set.positions(), 6);
        assert_eq!(epoch.len(), 2);
    }

    #[test]
    fn batches_differ_between_epochs_and_hold_little_padding() {
        let lengths: Vec<usize> = (0..500).map(|n| 2 + (n * 7919) % 40).collect();
        let sequences: Vec<Vec<u32>> = lengths.iter().map(|&l| vec![0; l]).collect();
        let split = support::train_only(&sequences, 1, 50);
        let set = TrainingSet::new(&split, Objective::NextItem, Device::Cpu).unwrap();
        let plan = |number| set.epoch(5, number, 32).unwrap();
        assert_ne!(plan(1).host_order, plan(2).host_order);
        assert_eq!(plan(1).host_order, plan(1).host_order);
        let (epoch, mut slots) = (plan(1), 0);
        for number in 0..epoch.len() {
            let layout = set.batch(&epoch, number).unwrap().layout;
            slots += layout.rows * layout.width;
        }
        let share = set.positions() as f64 / slots as f64;
        assert!(share > 0.88, "{share} of the places are real");
    }

    #[test]
    fn cloze_masks_at_least_one_position_a_sequence() {
        let sequences = vec![vec![1, 2, 3, 4], vec![5, 6], vec![7, 0, 7]];
        let split = support::train_only(&sequences, 8, 50);
        for mask_probability in [0.0, 0.3, 1.0] {
            let objective = Objective::Cloze { mask_probability };
            let set = TrainingSet::new(&split, objective, Device::Cpu).unwrap();
            let batch = set.batch(&set.epoch(1, 1, 3).unwrap(), 0).unwrap();
            let trained = batch.trained.unwrap();
            let rows = batch.layout.row_of.index_select(0, &trained);
            let mut rows = Vec::<i64>::try_from(&rows).unwrap();
            rows.dedup();
            assert_eq!(rows, [0, 1, 2]);
            assert_eq!(batch.items.index_select(0, &trained), batch.targets);
            let masked = batch.masked.unwrap().sum(Kind::Int64).int64_value(&[]);
            assert_eq!(masked, trained.size()[0]);
        }
    }

    #[test]
    fn nothing_to_train_on_is_said() {
        let split = support::train_only(&[vec![1], vec![]], 3, 5);
        let error = TrainingSet::new(&split, Objective::NextItem, Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("two interactions"), "{error}");
    }
}
