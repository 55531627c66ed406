//! A first import of a million ratings in MovieLens' form: reading, sorting, filtering and storing.

#![allow(missing_docs, clippy::expect_used)]

use std::io::Write;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lapidary_core::data::import::{Filters, ImportSpec, import};

const ROWS: u64 = 1_000_000;

fn importing(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(folder.path().join("ratings.dat")).expect("a file");
    let mut file = std::io::BufWriter::new(file);
    let mut state = 1u64;
    let mut draw = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..ROWS {
        // As many users and items as ml-1m; a product of draws makes some items far more popular than others.
        let (user, item) = (draw(6040), draw(3706) * (1 + draw(100)) / 100);
        let (rating, time) = (1 + draw(5), 956_000_000 + draw(90_000_000));
        writeln!(file, "{user}::{item}::{rating}::{time}").expect("a line");
    }
    file.flush().expect("a file");
    let mut group = criterion.benchmark_group("importing");
    group.sample_size(10).throughput(Throughput::Elements(ROWS));
    for (name, k_core) in [("all", None), ("five_core", Some(5))] {
        let spec = ImportSpec {
            name: "ratings".to_owned(),
            path: Some(folder.path().to_path_buf()),
            filters: Filters {
                k_core,
                ..Filters::default()
            },
            ..ImportSpec::default()
        };
        let into = folder.path().join(format!("stored_{name}"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| import(&spec, &into).expect("an import"));
        });
    }
    group.finish();
}

criterion_group!(benches, importing);
criterion_main!(benches);
