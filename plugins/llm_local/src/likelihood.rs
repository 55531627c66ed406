//! Log-likelihoods of continuations after a prefix.
//!
//! A prefix and all its continuations make one token tree, so that the prefix, and whatever the continuations have in
//! common, is computed once; prefixes that begin alike may share a tree, too. A continuation's last token needs no
//! computation: its probability comes from the state before it. What all prefixes of a call begin with is computed once
//! for all of them and shared as keys and values.

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;

use crate::cache::{Cache, Past};
use crate::model::Llama;
use crate::plan::{Plan, common, plans};
use crate::tree::{Batch, Before, Tree};

/// A prefix and what may follow it; neither is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Tokens of the prefix.
    pub prefix: Vec<i64>,
    /// Tokens of the continuations.
    pub continuations: Vec<Vec<i64>>,
}

/// Tokens that a common beginning has to save before it is worth a pass of its own.
const WORTH_SHARING: usize = 64;

/// The sum of natural log-probabilities of each continuation of each query. A forward pass holds about `batch_tokens`
/// tokens.
///
/// # Errors
/// When the model fails or the user asks to stop.
pub fn likelihoods(model: &Llama, queries: &[Query], batch_tokens: usize) -> Result<Vec<Vec<f64>>> {
    let stem = common_beginning(queries);
    let shared = match stem.is_empty() {
        true => None,
        false => Some(compute_stem(model, stem)?),
    };
    let plans = plans(queries, stem.len(), model.config(), batch_tokens);
    let mut sums: Vec<Vec<f64>> = queries
        .iter()
        .map(|q| vec![0.0; q.continuations.len()])
        .collect();
    let mut rest = plans.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch_size(rest, batch_tokens));
        let log_probs =
            Vec::<f64>::try_from(score(model, batch, shared.as_ref())?.f_to_kind(DType::Double)?)?;
        let targets = batch.iter().flat_map(|p| &p.targets);
        for (target, log_prob) in targets.zip(log_probs) {
            if let Some(sum) = sums
                .get_mut(target.query)
                .and_then(|s| s.get_mut(target.continuation))
            {
                *sum += log_prob;
            }
        }
        rest = later;
        host::progress(
            "language model",
            (plans.len() - rest.len()) as u64,
            plans.len() as u64,
        )?;
    }
    Ok(sums)
}

/// What all prefixes begin with, short of their last tokens; nothing where it saves too little.
fn common_beginning(queries: &[Query]) -> &[i64] {
    let Some((first, others)) = queries.split_first() else {
        return &[];
    };
    let shortest = queries
        .iter()
        .map(|q| q.prefix.len())
        .min()
        .unwrap_or(0)
        .saturating_sub(1);
    let common = others.iter().fold(shortest, |n, other| {
        n.min(common(&first.prefix, &other.prefix))
    });
    match common * others.len() >= WORTH_SHARING {
        true => first.prefix.get(..common).unwrap_or_default(),
        false => &[],
    }
}

fn compute_stem(model: &Llama, stem: &[i64]) -> Result<Cache> {
    let (kind, device) = (model.kind(), model.device());
    let mut cache = Cache::new(model.config(), 1, stem.len(), kind, device)?;
    let batch = Batch::new(&[&Tree::chain(stem)], &Before::default(), kind, device)?;
    let _states = model.hidden(&batch, Past::Growing(&mut cache))?;
    Ok(cache)
}

/// How many of the plans, longest first, go into one pass.
pub(crate) fn batch_size(plans: &[Plan], batch_tokens: usize) -> usize {
    let mut tokens = 0;
    let fitting = plans.iter().take_while(|p| {
        tokens += p.tree.len();
        tokens <= batch_tokens
    });
    fitting.count().max(1)
}

/// Log-probabilities f32 `[T]` of all targets of the plans, in order; gradients flow.
pub(crate) fn score(model: &Llama, plans: &[Plan], shared: Option<&Cache>) -> Result<Tensor> {
    let before = Before {
        slots: shared.map_or(0, Cache::used),
        hidden: Vec::new(),
    };
    let trees: Vec<&Tree> = plans.iter().map(|p| &p.tree).collect();
    let batch = Batch::new(&trees, &before, model.kind(), model.device())?;
    let (mut targets, mut start) = (Vec::new(), 0);
    for plan in plans {
        targets.extend(
            plan.targets
                .iter()
                .map(|t| ((start + t.after) as i64, t.token)),
        );
        start += plan.tree.len();
    }
    let past = shared.map_or(Past::Nothing, Past::Shared);
    target_log_probs(model, &batch, past, &targets)
}

/// Log-probabilities f32 `[T]` of tokens, each after a place of the packed batch. The head sees each place once.
///
/// # Errors
/// When libtorch refuses.
pub fn target_log_probs(
    model: &Llama,
    batch: &Batch,
    past: Past,
    targets: &[(i64, i64)],
) -> Result<Tensor> {
    let mut places: Vec<i64> = targets.iter().map(|t| t.0).collect();
    places.sort_unstable();
    places.dedup();
    let rows: Vec<i64> = targets
        .iter()
        .map(|t| places.partition_point(|p| *p < t.0) as i64)
        .collect();
    let tokens: Vec<i64> = targets.iter().map(|t| t.1).collect();
    let to_device = |values: &[i64]| Tensor::f_from_slice(values)?.f_to_device(model.device());
    let states = model.hidden_at(batch, past, &to_device(&places)?)?;
    model.log_probs(&states, &to_device(&rows)?, &to_device(&tokens)?)
}
