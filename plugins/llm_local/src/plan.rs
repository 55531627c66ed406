//! Which tokens are computed together: prefixes that begin alike share a tree where that saves work.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::likelihood::Query;
use crate::tree::Tree;

/// How much longer an operation of attention takes than one of the matrix products; measured on a CPU.
const ATTENTION_COST: i64 = 3;

/// A token whose log-probability is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The place in the tree after which it stands.
    pub after: usize,
    /// The token.
    pub token: i64,
    /// Which query it belongs to.
    pub query: usize,
    /// Which of the query's continuations it belongs to.
    pub continuation: usize,
}

/// A tree, and what is wanted of it.
#[derive(Debug, Default)]
pub struct Plan {
    /// Tokens to compute.
    pub tree: Tree,
    /// What is wanted of them.
    pub targets: Vec<Target>,
    /// The place of each token by the place it follows; none at the root.
    branches: BTreeMap<(Option<usize>, i64), usize>,
}

impl Plan {
    /// Takes up a prefix; its last place, none where it is empty.
    fn reach(&mut self, prefix: &[i64]) -> Option<usize> {
        prefix
            .iter()
            .fold(None, |place, &token| Some(self.place(place, token)))
    }

    /// Takes up a continuation after a place. Its last token is wanted, but nothing after it: it needs no place.
    fn add(&mut self, mut place: Option<usize>, tokens: &[i64], query: usize, continuation: usize) {
        for (i, &token) in tokens.iter().enumerate() {
            let Some(after) = place else { return };
            self.targets.push(Target {
                after,
                token,
                query,
                continuation,
            });
            if i + 1 < tokens.len() {
                place = Some(self.place(place, token));
            }
        }
    }

    /// Where `token` stands after `after`; the tree grows by it where it is new.
    fn place(&mut self, after: Option<usize>, token: i64) -> usize {
        let tree = &mut self.tree;
        let grow = || tree.push(after, token);
        *self.branches.entry((after, token)).or_insert_with(grow)
    }
}

/// Plans for all queries, largest first. The first `stem` tokens of every prefix were computed before; a tree has at
/// most `batch_tokens` tokens, or a prefix and one continuation.
pub fn plans(queries: &[Query], stem: usize, config: &Config, batch_tokens: usize) -> Vec<Plan> {
    let own = |query: usize| queries.get(query).and_then(|q| q.prefix.get(stem..));
    let own = |query: usize| own(query).unwrap_or_default();
    let mut order: Vec<usize> = (0..queries.len()).collect();
    order.sort_by_key(|&query| own(query));
    let mut all: Vec<Plan> = Vec::new();
    let mut previous: &[i64] = &[];
    for index in order {
        let (prefix, continuations) = (own(index), continuations(queries, index));
        let alone = alone(index, prefix, continuations, batch_tokens);
        if alone.is_empty() {
            continue;
        }
        match (alone.as_slice(), all.last_mut()) {
            ([one], Some(last))
                if joins(last, one, common(previous, prefix), config, batch_tokens) =>
            {
                let end = last.reach(prefix);
                for (i, tokens) in continuations.iter().enumerate() {
                    last.add(end, tokens, index, i);
                }
            }
            _ => all.extend(alone),
        }
        previous = prefix;
    }
    all.sort_by_key(|p| std::cmp::Reverse(p.tree.len()));
    all
}

fn continuations(queries: &[Query], index: usize) -> &[Vec<i64>] {
    queries.get(index).map_or(&[], |q| &q.continuations)
}

/// A query by itself. Continuations that would make the tree too large begin another one.
fn alone(
    query: usize,
    prefix: &[i64],
    continuations: &[Vec<i64>],
    batch_tokens: usize,
) -> Vec<Plan> {
    let (mut done, mut plan) = (Vec::new(), Plan::default());
    let mut end = plan.reach(prefix);
    for (continuation, tokens) in continuations.iter().enumerate() {
        let size = plan.tree.len() + tokens.len();
        if size > batch_tokens.max(prefix.len() + 1) && !plan.targets.is_empty() {
            done.push(std::mem::take(&mut plan));
            end = plan.reach(prefix);
        }
        plan.add(end, tokens, query, continuation);
    }
    if !plan.targets.is_empty() {
        done.push(plan);
    }
    done
}

/// Whether one tree of two costs less than both: `shared` tokens are computed once, but in attention every token meets
/// every other of its tree, seen or not.
fn joins(first: &Plan, second: &Plan, shared: usize, config: &Config, batch_tokens: usize) -> bool {
    let (a, b) = (first.tree.len(), second.tree.len());
    let both = a + b - shared.min(b);
    let (queries, keys) = (
        config.heads * config.head_dim,
        config.kv_heads * config.head_dim,
    );
    let token = 2 * config.dim * (2 * queries + 2 * keys + 3 * config.ffn_dim);
    let pair = 4 * queries;
    let saved = shared as i64 * token;
    let added = (both * both) as i64 - (a * a + b * b) as i64;
    both <= batch_tokens && saved > added * pair * ATTENTION_COST
}

/// How many tokens both begin with.
pub fn common(a: &[i64], b: &[i64]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    /// Sizes of SmolLM2-135M.
    fn config() -> Config {
        let json = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "vocab_size": 49152, "hidden_size": 576, "num_hidden_layers": 30,
            "num_attention_heads": 9, "num_key_value_heads": 3, "intermediate_size": 1536,
            "rms_norm_eps": 1e-5, "max_position_embeddings": 8192, "rope_theta": 1e5,
        });
        Config::from_json(&json).unwrap()
    }

    fn query(prefix: impl IntoIterator<Item = i64>) -> Query {
        Query {
            prefix: prefix.into_iter().collect(),
            continuations: vec![vec![900], vec![901, 902], vec![901, 903, 904]],
        }
    }

    fn tokens(plans: &[Plan]) -> usize {
        plans.iter().map(|p| p.tree.len()).sum()
    }

    #[test]
    fn prefixes_that_begin_alike_share_their_beginning() {
        let queries = [
            query(0..20),
            query(500..510),
            query((0..15).chain(700..705)),
        ];
        let plans = plans(&queries, 0, &config(), 1024);
        assert_eq!(plans.len(), 2);
        // Each query has two tokens within its continuations: 901 and 903.
        assert_eq!(tokens(&plans), (20 + 2) + (5 + 2) + (10 + 2));
        let mut wanted: Vec<_> = plans.iter().flat_map(|p| &p.targets).collect();
        wanted.sort_by_key(|t| (t.query, t.continuation));
        let wanted: Vec<_> = wanted.iter().map(|t| (t.query, t.token)).collect();
        let each = [900, 901, 902, 901, 903, 904];
        let all = (0..3).flat_map(|q| each.map(|token| (q, token)));
        assert_eq!(wanted, all.collect::<Vec<_>>());
    }

    #[test]
    fn a_beginning_too_short_for_its_attention_is_computed_again() {
        let queries = [query(0..300), query((0..1).chain(400..699))];
        assert_eq!(plans(&queries, 0, &config(), 4096).len(), 2);
    }

    #[test]
    fn no_tree_is_larger_than_a_batch() {
        let queries: Vec<Query> = (0..9).map(|i| query((0..20).chain([800 + i]))).collect();
        for plan in plans(&queries, 5, &config(), 24) {
            assert!(plan.tree.len() <= 24);
        }
    }
}
