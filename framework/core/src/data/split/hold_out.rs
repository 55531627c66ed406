//! Items held out of training, as new items are: nobody has had them yet, and only their text is known.

use super::order::{Ordered, draw_of, mix};
use super::{Case, Cold, Split, SplitReport};
use crate::data::{Dataset, Sequences};
use crate::error::Result;
use crate::fingerprint::Fingerprint;

/// Draws of held-out items do not depend on those that break ties.
const SALT: u64 = 0x636f_6c64;

/// What was taken out of the sequences.
pub(super) struct HeldOut {
    items: Vec<u32>,
    /// What each user did before the last held-out item of theirs, and that item; empty where there is no case.
    sequences: Sequences,
    cases: Vec<Case>,
}

/// Takes a share of the items out of all sequences. Which ones follows from the seed and their identifiers. A user's last
/// held-out item becomes a case after what the user had before it, but for users who had nothing.
///
/// # Errors
/// When the stored data cannot be read.
pub(super) fn hold_out(
    data: &Dataset,
    ordered: &mut Ordered,
    share: f64,
    seed: u64,
) -> Result<Option<HeldOut>> {
    if share == 0.0 {
        return Ok(None);
    }
    let mut drawn = (0..data.items() as u32)
        .map(|item| Ok((mix(draw_of(&data.item_id(item)?) ^ mix(seed ^ SALT)), item)))
        .collect::<Result<Vec<(u64, u32)>>>()?;
    drawn.sort_unstable();
    let amount = ((share * drawn.len() as f64).round() as usize).max(1);
    let mut items: Vec<u32> = drawn.iter().take(amount).map(|(_, item)| *item).collect();
    items.sort_unstable();
    let mut is_out = vec![false; data.items()];
    items.iter().for_each(|&item| is_out[item as usize] = true);
    Ok(Some(part(ordered, items, &is_out)))
}

fn part(ordered: &mut Ordered, items: Vec<u32>, is_out: &[bool]) -> HeldOut {
    let beginning = || Sequences {
        offsets: vec![0],
        items: Vec::new(),
    };
    let (mut kept, mut cold) = (beginning(), beginning());
    let mut times = ordered.times.as_ref().map(|_| Vec::new());
    let mut cases = Vec::new();
    for user in 0..ordered.sequences.users() {
        let all = ordered.sequences.of(user);
        let out = |item: &u32| is_out[*item as usize];
        let last = all.iter().rposition(out);
        let before = all[..last.unwrap_or(0)].iter().filter(|item| !out(item));
        let before: Vec<u32> = before.copied().collect();
        if let (Some(last), false) = (last, before.is_empty()) {
            cases.push(Case {
                user: user as u32,
                end: before.len() as u32,
            });
            cold.items.extend(before);
            cold.items.push(all[last]);
        }
        cold.offsets.push(cold.items.len() as u64);
        kept.items.extend(all.iter().filter(|item| !out(item)));
        kept.offsets.push(kept.items.len() as u64);
        if let (Some(times), Some(own)) = (&mut times, ordered.times_of(user)) {
            let pairs = all.iter().zip(own).filter(|(item, _)| !out(item));
            times.extend(pairs.map(|(_, time)| *time));
        }
    }
    ordered.sequences = kept;
    ordered.times = times;
    HeldOut {
        items,
        sequences: cold,
        cases,
    }
}

impl HeldOut {
    /// The cases as a split of their own, under the fingerprint of the split they were taken from.
    pub fn into_cold(self, fingerprint: &Fingerprint, n_items: usize, max_len: usize) -> Cold {
        let lengths = self.sequences.offsets.windows(2);
        let lengths = lengths.map(|w| (w[1] - w[0]).saturating_sub(1) as u32);
        let cases = Split {
            fingerprint: fingerprint.clone(),
            n_items,
            train_len: lengths.collect(),
            sequences: self.sequences,
            valid: Vec::new(),
            test: self.cases,
            max_len,
            report: SplitReport::default(),
            cold: None,
        };
        Cold {
            items: self.items,
            cases: Box::new(cases),
        }
    }
}
