//! Log-likelihoods of continuations after a prefix.
//!
//! A prefix and all its continuations make one token tree, so that the prefix, and whatever the continuations have in
//! common, is computed once. A continuation's last token needs no computation: its probability comes from the state
//! before it. What all prefixes of a call begin with is computed once for all of them and shared as keys and values.

use std::collections::BTreeMap;

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;

use crate::cache::{Cache, Past};
use crate::model::Llama;
use crate::tree::{Batch, Before, Tree};

/// A prefix and what may follow it; neither is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Tokens of the prefix.
    pub prefix: Vec<i64>,
    /// Tokens of the continuations.
    pub continuations: Vec<Vec<i64>>,
}

/// Rows of the head's output that are held at once. With 49,152 tokens they take 24 MiB; blocks above 32 MiB the allocator
/// fetches anew from the system each time, page by page.
const HEAD_ROWS: i64 = 128;
/// Tokens that a common beginning has to save before it is worth a pass of its own.
const WORTH_SHARING: usize = 64;

/// A token whose log-probability is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Target {
    /// The place in the tree after which it stands.
    after: usize,
    token: i64,
    /// Which continuation of which query it belongs to.
    query: usize,
    continuation: usize,
}

/// A tree, and what is wanted of it.
#[derive(Debug, Default)]
struct Plan {
    tree: Tree,
    targets: Vec<Target>,
}

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
    let mut plans: Vec<Plan> = queries
        .iter()
        .enumerate()
        .flat_map(|(i, query)| plans(i, query, stem.len(), batch_tokens))
        .collect();
    plans.sort_by_key(|p| std::cmp::Reverse(p.tree.len()));
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
        let equal = first
            .prefix
            .iter()
            .zip(&other.prefix)
            .take_while(|(a, b)| a == b)
            .count();
        n.min(equal)
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

/// The trees of a query, whose prefix is cut by the `stem` tokens computed before. Continuations that would make a
/// tree larger than `batch_tokens` begin another one.
fn plans(index: usize, query: &Query, stem: usize, batch_tokens: usize) -> Vec<Plan> {
    let own = query.prefix.get(stem..).unwrap_or_default();
    let begin = || Plan {
        tree: Tree::chain(own),
        targets: Vec::new(),
    };
    let (mut done, mut plan, mut branches) = (Vec::new(), begin(), BTreeMap::new());
    for (continuation, tokens) in query.continuations.iter().enumerate() {
        if plan.tree.len() + tokens.len() > batch_tokens.max(own.len() + 1)
            && !plan.targets.is_empty()
        {
            done.push(std::mem::replace(&mut plan, begin()));
            branches.clear();
        }
        let mut after = own.len().saturating_sub(1);
        for (i, &token) in tokens.iter().enumerate() {
            plan.targets.push(Target {
                after,
                token,
                query: index,
                continuation,
            });
            if i + 1 < tokens.len() {
                let tree = &mut plan.tree;
                after = *branches
                    .entry((after, token))
                    .or_insert_with(|| tree.push(Some(after), token));
            }
        }
    }
    if !plan.targets.is_empty() {
        done.push(plan);
    }
    done
}

/// How many of the plans, longest first, go into one pass.
fn batch_size(plans: &[Plan], batch_tokens: usize) -> usize {
    let mut tokens = 0;
    let fitting = plans.iter().take_while(|p| {
        tokens += p.tree.len();
        tokens <= batch_tokens
    });
    fitting.count().max(1)
}

/// Log-probabilities f32 `[T]` of all targets of the plans, in order; gradients flow.
fn score(model: &Llama, plans: &[Plan], shared: Option<&Cache>) -> Result<Tensor> {
    let before = Before {
        slots: shared.map_or(0, Cache::used),
        hidden: Vec::new(),
    };
    let trees: Vec<&Tree> = plans.iter().map(|p| &p.tree).collect();
    let batch = Batch::new(&trees, &before, model.kind(), model.device())?;
    let hidden = model.hidden(&batch, shared.map_or(Past::Nothing, Past::Shared))?;
    let (mut places, mut start) = (Vec::new(), 0);
    for plan in plans {
        places.extend(
            plan.targets
                .iter()
                .map(|t| ((start + t.after) as i64, t.token)),
        );
        start += plan.tree.len();
    }
    target_log_probs(model, &hidden, &places)
}

/// Log-probabilities f32 `[T]` of tokens after places of packed hidden states `[N,d]`. The head sees each place once.
///
/// # Errors
/// When libtorch refuses.
pub fn target_log_probs(model: &Llama, hidden: &Tensor, targets: &[(i64, i64)]) -> Result<Tensor> {
    let mut rows: Vec<i64> = targets.iter().map(|t| t.0).collect();
    rows.sort_unstable();
    rows.dedup();
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_key(|&i| targets.get(i).map(|t| t.0));
    let mut sorted = order.iter().filter_map(|&i| targets.get(i)).peekable();
    let (mut parts, device) = (Vec::new(), model.device());
    for rows in rows.chunks(HEAD_ROWS as usize) {
        let states = hidden.f_index_select(0, &Tensor::f_from_slice(rows)?.f_to_device(device)?)?;
        let logits = model.logits(&states)?;
        let norms = logits.f_logsumexp([-1i64].as_slice(), false)?;
        let (mut picks, mut owners) = (Vec::new(), Vec::new());
        for (row, place) in rows.iter().enumerate() {
            while let Some((_, token)) = sorted.next_if(|t| t.0 == *place) {
                picks.push(row as i64 * model.config().vocabulary + token);
                owners.push(row as i64);
            }
        }
        let picks = Tensor::f_from_slice(&picks)?.f_to_device(device)?;
        let owners = Tensor::f_from_slice(&owners)?.f_to_device(device)?;
        let picked = logits.f_view([-1])?.f_index_select(0, &picks)?;
        parts.push(picked.f_sub(&norms.f_index_select(0, &owners)?)?);
    }
    let mut back = vec![0i64; order.len()];
    for (place, &i) in order.iter().enumerate() {
        if let Some(slot) = back.get_mut(i) {
            *slot = place as i64;
        }
    }
    let back = Tensor::f_from_slice(&back)?.f_to_device(device)?;
    Ok(Tensor::f_cat(&parts, 0)?.f_index_select(0, &back)?)
}
