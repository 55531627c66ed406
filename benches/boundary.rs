//! The price of the plugin boundary: one linear layer called directly, through its table linked in, and through its
//! table in a loaded library. CPU, f32, one thread.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/fixtures/sample_plugin.rs"]
mod sample_plugin;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use lapidary_core::plugin::Registry;
use lapidary_sdk::Component;
use lapidary_sdk::kinds::{Backbone, BackboneContext};
use lapidary_testkit::library::sample_library;
use sample_plugin::{Sample, Settings};
use serde_json::json;
use tch::{Device, Kind, Tensor};

fn boundary(criterion: &mut Criterion) {
    tch::set_num_threads(1);
    let (mut linked, mut loaded) = (Registry::empty(), Registry::empty());
    linked.add_linked().unwrap();
    loaded.load_file(&sample_library()).unwrap();
    let mut group = criterion.benchmark_group("boundary");
    for (size, rows, length, dim) in [("small", 1, 4, 8), ("large", 64, 50, 64)] {
        let context = BackboneContext {
            dim,
            max_len: length,
            device: "cpu".into(),
        };
        let direct = Sample::create(Settings::default(), context.clone()).unwrap();
        let models: [(&str, Box<dyn Backbone>); 3] = [
            ("direct", Box::new(direct)),
            (
                "linked",
                linked.backbone("sample", &json!({}), &context).unwrap(),
            ),
            (
                "loaded",
                loaded.backbone("sample", &json!({}), &context).unwrap(),
            ),
        ];
        let input = Tensor::randn([rows, length, dim], (Kind::Float, Device::Cpu));
        let mask = Tensor::ones([rows, length], (Kind::Bool, Device::Cpu));
        for (way, model) in &models {
            group.bench_function(BenchmarkId::new(*way, size), |bencher| {
                bencher.iter(|| tch::no_grad(|| model.forward(&input, &mask, false).unwrap()));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, boundary);
criterion_main!(benches);
