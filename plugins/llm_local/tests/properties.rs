//! What has to hold for any model: batching, sharing and caching change nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{fixture, logits, tiny, whole_sequence, worst};
use lapidary_llm_local::cache::{Cache, Past};
use lapidary_llm_local::files::ModelFiles;
use lapidary_llm_local::generate::{Task, generate};
use lapidary_llm_local::likelihood::{Query, likelihoods, target_log_probs};
use lapidary_llm_local::tree::{Batch, Before, Tree};
use lapidary_sdk::prelude::*;

const MODELS: [&str; 4] = ["tiny_llama", "tiny_qwen2", "tiny_qwen3", "tiny_gemma3"];

/// Reproducible tokens of the tiny models.
fn tokens(seed: i64, count: i64) -> Vec<i64> {
    (0..count)
        .map(|i| (seed * 7919 + i * i * 31 + i * 17) % 300 + 2)
        .collect()
}

fn queries() -> Vec<Query> {
    (0..9)
        .map(|i| Query {
            prefix: tokens(i, 3 + i * 5 % 13),
            continuations: (0..=i % 4)
                .map(|j| tokens(100 + j / 2, 1 + j))
                .chain([tokens(50, 5), tokens(50, 3), tokens(50, 3)])
                .collect(),
        })
        .collect()
}

fn assert_equal_whole_sequences(queries: &[Query], batch_tokens: usize) {
    for name in MODELS {
        let model = tiny(name);
        let found = tch::no_grad(|| likelihoods(&model, queries, batch_tokens)).unwrap();
        for (query, found) in queries.iter().zip(found) {
            assert_eq!(found.len(), query.continuations.len());
            for (continuation, found) in query.continuations.iter().zip(found) {
                let expected = whole_sequence(&model, &query.prefix, continuation);
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{name}: {found} for {expected}"
                );
            }
        }
    }
}

#[test]
fn shared_prefixes_give_the_likelihoods_of_whole_sequences() {
    for batch_tokens in [1, 20, 4096] {
        assert_equal_whole_sequences(&queries(), batch_tokens);
    }
}

#[test]
fn a_beginning_that_all_prompts_share_changes_nothing() {
    let beginning = tokens(77, 20);
    let mut queries = queries();
    queries
        .iter_mut()
        .for_each(|q| q.prefix = [&beginning[..], &q.prefix[..]].concat());
    queries[3].prefix = beginning;
    for batch_tokens in [30, 4096] {
        assert_equal_whole_sequences(&queries, batch_tokens);
    }
}

#[test]
fn beginnings_that_some_prompts_share_change_nothing() {
    let mut queries = queries();
    for (i, query) in queries.iter_mut().enumerate() {
        let beginning = tokens(60 + i as i64 % 2, 12 + (i as i64 % 3) * 5);
        query.prefix = [beginning, query.prefix.clone()].concat();
    }
    queries[7].prefix = queries[2].prefix.clone();
    for batch_tokens in [40, 4096] {
        assert_equal_whole_sequences(&queries, batch_tokens);
    }
}

#[test]
fn unequal_lengths_in_a_batch_equal_one_by_one() {
    for name in MODELS {
        let model = tiny(name);
        let sequences = [tokens(1, 9), tokens(2, 1), tokens(3, 14), tokens(4, 9)];
        let trees: Vec<Tree> = sequences.iter().map(|s| Tree::chain(s)).collect();
        let trees: Vec<&Tree> = trees.iter().collect();
        let batch = Batch::new(&trees, &Before::default(), DType::Float, Device::Cpu).unwrap();
        let all = tch::no_grad(|| {
            model
                .logits(&model.hidden(&batch, Past::Nothing).unwrap())
                .unwrap()
        });
        let mut start = 0;
        for sequence in &sequences {
            let length = sequence.len() as i64;
            let off = worst(&all.narrow(0, start, length), &logits(&model, sequence));
            assert!(off < 1e-4, "{name}: {off}");
            start += length;
        }
    }
}

#[test]
fn cached_steps_equal_full_recomputation() {
    MODELS.into_iter().for_each(cached_steps_of);
}

fn cached_steps_of(name: &str) {
    let model = tiny(name);
    let sequences = [tokens(5, 12), tokens(6, 8)];
    let (prompts, steps) = ([7, 3], 5);
    tch::no_grad(|| {
        let mut cache =
            Cache::new(model.config(), 2, 7 + steps, DType::Float, Device::Cpu).unwrap();
        let trees: Vec<Tree> = sequences
            .iter()
            .zip(prompts)
            .map(|(s, n)| Tree::chain(&s[..n]))
            .collect();
        let trees: Vec<&Tree> = trees.iter().collect();
        let batch = Batch::new(&trees, &Before::default(), DType::Float, Device::Cpu).unwrap();
        let _prefill = model.hidden(&batch, Past::Growing(&mut cache)).unwrap();
        for step in 0..steps {
            let trees: Vec<Tree> = sequences
                .iter()
                .zip(prompts)
                .map(|(s, n)| Tree::chain(&[s[n + step]]))
                .collect();
            let before = Before {
                slots: cache.used(),
                hidden: vec![0, 4],
            };
            let trees: Vec<&Tree> = trees.iter().collect();
            let batch = Batch::new(&trees, &before, DType::Float, Device::Cpu).unwrap();
            let found = model
                .logits(&model.hidden(&batch, Past::Growing(&mut cache)).unwrap())
                .unwrap();
            for (row, (sequence, n)) in sequences.iter().zip(prompts).enumerate() {
                let expected = logits(&model, &sequence[..n + step + 1]).get(-1);
                let off = worst(&found.get(row as i64), &expected);
                assert!(off < 1e-4, "{name}, row {row}, step {step}: {off}");
            }
        }
    });
}

fn task(prompt: Vec<i64>, temperature: f64, seed: u64) -> Task {
    Task {
        prompt,
        max_tokens: 10,
        stop: Vec::new(),
        temperature,
        seed,
    }
}

#[test]
fn answers_do_not_depend_on_their_company_and_seeds_decide_them() {
    MODELS.into_iter().for_each(answers_of);
}

fn answers_of(name: &str) {
    let files = ModelFiles::open(&fixture(name)).unwrap();
    let (model, codec) = (tiny(name), files.codec().unwrap());
    let tasks: Vec<Task> = (0..6)
        .map(|i| {
            task(
                tokens(i, 2 + 3 * i),
                if i % 2 == 0 { 0.0 } else { 1.3 },
                i as u64,
            )
        })
        .collect();
    let together = tch::no_grad(|| generate(&model, &codec, &tasks, 1024)).unwrap();
    let alone: Vec<String> = tasks
        .iter()
        .flat_map(|t| {
            tch::no_grad(|| generate(&model, &codec, std::slice::from_ref(t), 1)).unwrap()
        })
        .collect();
    assert_eq!(together, alone);
    let with_seed = |seed| {
        tch::no_grad(|| generate(&model, &codec, &[task(tokens(9, 4), 1.5, seed)], 1024)).unwrap()
    };
    assert_eq!(with_seed(1), with_seed(1));
    assert_ne!(with_seed(1), with_seed(2));
}

#[test]
fn stop_texts_and_limits_end_answers() {
    let files = ModelFiles::open(&fixture("tiny_llama")).unwrap();
    let (model, codec) = (tiny("tiny_llama"), files.codec().unwrap());
    let answer = |change: &dyn Fn(&mut Task)| {
        let mut task = task(tokens(3, 6), 0.0, 0);
        change(&mut task);
        tch::no_grad(|| generate(&model, &codec, &[task], 1024))
            .unwrap()
            .remove(0)
    };
    let whole = answer(&|_| {});
    let middle = whole.char_indices().nth(3).unwrap().0;
    let stop: String = whole[middle..].chars().take(2).collect();
    let cut = answer(&|t| t.stop = vec!["never there".to_owned(), stop.clone()]);
    assert_eq!(cut, whole[..whole.find(&stop).unwrap()]);
    assert_eq!(answer(&|t| t.max_tokens = 0), "");
    assert!(whole.starts_with(&answer(&|t| t.max_tokens = 1)));
}

#[test]
fn gradients_reach_the_weights() {
    let model = tiny("tiny_llama");
    let weight = model.embedding().set_requires_grad(true);
    let mut tree = Tree::chain(&tokens(8, 5));
    tree.push(Some(4), 9);
    let batch = Batch::new(&[&tree], &Before::default(), DType::Float, Device::Cpu).unwrap();
    target_log_probs(&model, &batch, Past::Nothing, &[(4, 9), (5, 11), (4, 12)])
        .unwrap()
        .sum(DType::Float)
        .backward();
    let gradient = weight.grad();
    assert!(gradient.get(9).abs().max().double_value(&[]) > 0.0);
    assert_eq!(gradient.get(200).abs().max().double_value(&[]), 0.0);
}
