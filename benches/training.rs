//! An epoch of SASRec, CPU, f32, on the synthetic set of `common`; and the loss alone.

#![allow(missing_docs, clippy::expect_used)]

mod common;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapidary_core::train::{Blocks, LossKind, Settings, Silent, cross_entropy, fit};
use tch::{Device, Kind, Tensor};

fn epoch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("epoch_cpu_f32");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10));
    let mut split = common::split();
    split.valid.clear();
    let targets = split.train_len.iter().map(|&n| u64::from(n - 1).min(50));
    group.throughput(Throughput::Elements(targets.sum()));
    for (name, loss) in [
        ("cross_entropy", LossKind::CrossEntropy),
        ("bce", LossKind::Bce),
    ] {
        let settings = Settings {
            epochs: 1,
            loss,
            ..Settings::default()
        };
        let mut model = common::model();
        group.bench_function(name, |bencher| {
            bencher.iter(|| fit(&mut model, &split, &settings, None, &mut Silent).expect("epoch"));
        });
    }
    group.finish();
}

fn loss(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cross_entropy_cpu_f32");
    group.sample_size(10);
    let options = (Kind::Float, Device::Cpu);
    for (name, n, n_items) in [
        ("small_catalogue", 4096, 3416),
        ("large_catalogue", 512, 200_000),
    ] {
        let query = Tensor::randn([n, 64], options);
        let table = Tensor::randn([n_items, 64], options);
        let targets = Tensor::randint(n_items, [n], (Kind::Int64, Device::Cpu));
        let gradient = table.zeros_like();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(name, |bencher| {
            let _no_grad = tch::no_grad_guard();
            bencher.iter(|| {
                let blocks = Blocks::default();
                cross_entropy(&query, &table, &targets, Some(&gradient), blocks).expect("loss")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, epoch, loss);
criterion_main!(benches);
