//! Scoring of items by phrases, from their titles to calibrated scores, with an empty cache each time. CPU, f32.

#![allow(missing_docs, clippy::expect_used)]

use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapidary_core::data::{Sequences, Split, SplitReport};
use lapidary_core::fingerprint::Builder;
use lapidary_core::guidance::{Cache, Scorer, Users, attributes};
use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{ItemText, LlmContext, PromptStrategyContext};
use lapidary_testkit::library::plugin_library;
use serde_json::json;

const STRATEGY: &str = "score_phrases";
/// Models, where they lie, and how many items are scored with them.
const MODELS: [(&str, &str, usize); 2] = [
    (
        "tiny_llama",
        "plugins/llm_local/tests/fixtures/tiny_llama",
        64,
    ),
    (
        "smollm2_135m",
        ".deps/models/SmolLM2-135M-Instruct.Q4_1.gguf",
        8,
    ),
];

fn scoring(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut registry = Registry::empty();
    for plugin in ["prompts", "llm_local"] {
        let library = plugin_library(plugin);
        registry.load_file(&library).expect("plugin");
    }
    let attributes = attributes::load(&root.join("configs/attributes/movies.toml"));
    let attributes = attributes.expect("attributes");
    let context = PromptStrategyContext {
        attributes: attributes.clone(),
    };
    let strategy = registry.prompt_strategy(STRATEGY, &json!({}), &context);
    let strategy = strategy.expect("strategy");
    let mut group = criterion.benchmark_group("scoring_cpu_f32");
    group.sample_size(10);
    for (name, place, items) in MODELS {
        let model = root.join(place);
        if !model.exists() {
            println!("{name}: skipped, there is no {place}");
            continue;
        }
        let context = LlmContext {
            device: "cpu".to_owned(),
            model_dirs: Vec::new(),
        };
        let llm = registry.llm("local", &json!({ "model": model }), &context);
        let llm = llm.expect("language model");
        let split = catalogue(items);
        group.throughput(Throughput::Elements(items as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let cache = Cache::in_memory().expect("cache");
                let scorer = Scorer {
                    llm: &*llm,
                    strategy: &*strategy,
                    strategy_name: STRATEGY,
                    attributes: &attributes,
                    cache: &cache,
                    batch: 64,
                };
                scorer.score(&split, &text, Users::None).expect("scores")
            });
        });
    }
    group.finish();
}

/// Items that nobody has seen yet.
fn catalogue(n_items: usize) -> Split {
    Split {
        fingerprint: Builder::new("bench").finish(),
        n_items,
        sequences: Sequences {
            offsets: vec![0],
            items: Vec::new(),
        },
        train_len: Vec::new(),
        valid: Vec::new(),
        test: Vec::new(),
        max_len: 50,
        report: SplitReport::default(),
        cold: None,
    }
}

/// A title of its own for each of the first 64 items.
fn text(item: u32) -> ItemText {
    const FIRST: [&str; 8] = [
        "Night", "Return", "House", "Last Day", "Song", "Shadow", "Road", "Dream",
    ];
    const SECOND: [&str; 8] = [
        "Glass", "the Wolf", "Paris", "Winter", "Fire", "the Sea", "Steel", "Roses",
    ];
    let of = |words: &[&str; 8], at: u32| words[at as usize % 8].to_owned();
    ItemText {
        title: format!("{} of {}", of(&FIRST, item), of(&SECOND, item / 8)),
        year: (1950 + item).to_string(),
        categories: vec!["Drama".to_owned()],
        ..ItemText::default()
    }
}

criterion_group!(benches, scoring);
criterion_main!(benches);
