//! What the machine can do at most, to hold the other figures against: copying memory and multiplying matrices. CPU, f32.

#![allow(missing_docs, clippy::expect_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tch::{Device, Kind, Tensor};

const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Bytes read and written a second, in blocks far larger than the caches.
fn copy(criterion: &mut Criterion) {
    let values = 1i64 << 26;
    let from = Tensor::ones([values], OPTIONS);
    let mut to = from.zeros_like();
    let mut group = criterion.benchmark_group("copy_cpu_f32");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(2 * 4 * values as u64));
    group.bench_function("256_MiB", |bencher| {
        bencher.iter(|| to.f_copy_(&from).expect("copy"));
    });
    group.finish();
}

/// Operations a second, an addition and a multiplication each: a square product, and the logits of 1,024 positions
/// over the catalogue of ml-1m.
fn multiply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("multiply_cpu_f32");
    group.sample_size(20);
    for (name, n, inner, m) in [
        ("square_2048", 2048, 2048, 2048),
        ("logits", 1024, 64, 3416),
    ] {
        let left = Tensor::randn([n, inner], OPTIONS);
        let right = Tensor::randn([m, inner], OPTIONS).tr();
        let out = Tensor::zeros([n, m], OPTIONS);
        group.throughput(Throughput::Elements((2 * n * inner * m) as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| left.f_mm_out(&out, &right).expect("product"));
        });
    }
    group.finish();
}

criterion_group!(benches, copy, multiply);
criterion_main!(benches);
