//! A full ranking of the synthetic set of `common` by SASRec and by popularity, CPU, f32.

#![allow(missing_docs, clippy::expect_used)]

mod common;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapidary_core::rank::{Options, Popularity, Scorer, rank};

fn ranking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ranking_cpu_f32");
    group.sample_size(10);
    let split = common::split();
    let (model, popularity) = (
        common::model(),
        Popularity::new(&split).expect("popularity"),
    );
    group.throughput(Throughput::Elements(common::USERS as u64));
    let scorers: [(&str, &dyn Scorer); 2] = [("sasrec", &model), ("popularity", &popularity)];
    for (name, scorer) in scorers {
        for (kept, lists) in [("places", None), ("lists_of_10", Some(10))] {
            let options = Options {
                lists,
                ..Options::default()
            };
            group.bench_function(format!("{name}/{kept}"), |bencher| {
                bencher.iter(|| rank(scorer, &split, &split.test, &options).expect("ranking"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, ranking);
criterion_main!(benches);
