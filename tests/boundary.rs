//! A component does the same linked in and loaded, and trains through the boundary.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

#[path = "fixtures/sample_plugin.rs"]
mod sample_plugin;

use lapidary_core::plugin::{Place, Registry};
use lapidary_sdk::kinds::{Backbone, BackboneContext};
use lapidary_sdk::{Kind, State};
use lapidary_testkit::in_tests::{both_ways, case};
use lapidary_testkit::library::{plugin_library, sample_library};
use serde_json::json;
use tch::{COptimizer, Device, Kind as DType, Tensor};

/// The library's components and, for comparison, those of the same source linked in.
fn registries() -> (Registry, Registry) {
    let (mut loaded, mut linked) = (Registry::empty(), Registry::empty());
    loaded.load_file(&sample_library()).unwrap();
    linked.add_linked().unwrap();
    (loaded, linked)
}

fn make(registry: &Registry, name: &str, dim: i64) -> Box<dyn Backbone> {
    tch::manual_seed(11);
    let context = BackboneContext {
        dim,
        max_len: 8,
        device: "cpu".into(),
    };
    registry.backbone(name, &json!({}), &context).unwrap()
}

/// 30 steps of the host's optimiser towards a fixed target: the losses.
fn train(model: &dyn Backbone, dim: i64) -> Vec<f64> {
    let options = (DType::Float, Device::Cpu);
    let input = (Tensor::arange(4 * 6 * dim, options) * 0.31)
        .cos()
        .reshape([4, 6, dim]);
    let target = input.flip([2]) * 0.5;
    let mask = Tensor::ones([4, 6], (DType::Bool, Device::Cpu));
    let mut optimiser = COptimizer::adam(1e-2, 0.9, 0.999, 0.0, 1e-8, false).unwrap();
    for (_, parameter) in model.parameters().unwrap() {
        optimiser.add_parameters(&parameter, 0).unwrap();
    }
    let step = |_| {
        optimiser.zero_grad().unwrap();
        let hidden = model.forward(&input, &mask, true).unwrap();
        let loss = (hidden - &target).square().mean(DType::Float);
        loss.backward();
        optimiser.step().unwrap();
        f64::try_from(loss).unwrap()
    };
    (0..30).map(step).collect()
}

/// Writes and reads a state as checkpoints do.
fn through_a_file(state: &State) -> State {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let tensors: Vec<_> = state.tensors.iter().map(|(n, t)| (n, t.detach())).collect();
    Tensor::write_safetensors(&tensors, &path).unwrap();
    State {
        tensors: Tensor::read_safetensors(&path).unwrap(),
        json: state.json.clone(),
    }
}

fn trains(registry: &Registry, name: &str, dim: i64) -> Vec<f64> {
    let model = make(registry, name, dim);
    let losses = train(&*model, dim);
    assert!(losses[29] < 0.8 * losses[0], "the loss falls: {losses:?}");
    let mut copy = make(registry, name, dim);
    copy.load(&through_a_file(&model.save().unwrap())).unwrap();
    for ((name, a), (_, b)) in model
        .parameters()
        .unwrap()
        .iter()
        .zip(copy.parameters().unwrap())
    {
        assert_eq!(*a, b, "`{name}` is loaded as it was trained");
    }
    losses
}

// One test: the process has one seed.
#[test]
fn a_component_is_the_same_linked_in_and_loaded() {
    let (loaded, linked) = registries();
    let place = |r: &Registry| {
        r.entry(Kind::Backbone, "sample")
            .unwrap()
            .origin
            .place
            .clone()
    };
    assert_eq!(place(&linked), Place::Linked);
    assert!(matches!(place(&loaded), Place::Library(_)));
    let case = case("backbone", "sample", json!({}));
    both_ways(&sample_library(), &[case]);
    assert_eq!(trains(&loaded, "sample", 5), trains(&linked, "sample", 5));

    let mut sasrec = Registry::empty();
    sasrec.load_file(&plugin_library("sasrec")).unwrap();
    trains(&sasrec, "sasrec", 8);
}

#[test]
fn unknown_names_are_told_apart() {
    let (loaded, _) = registries();
    let context = BackboneContext {
        dim: 2,
        max_len: 2,
        device: "cpu".into(),
    };
    let message = |error: lapidary_core::Error| error.to_string();
    let unknown = loaded
        .backbone("smaple", &json!({}), &context)
        .err()
        .map(message);
    assert_eq!(
        unknown.as_deref(),
        Some("unknown backbone `smaple`; did you mean `sample`?")
    );
    let other = loaded.entry(Kind::Reducer, "sample").err().map(message);
    let text = "unknown reducer `sample` (there is a backbone of that name); none is known";
    assert_eq!(other.as_deref(), Some(text));
    let setting = loaded
        .backbone("sample", &json!({ "fault": "non" }), &context)
        .err()
        .map(message);
    assert!(setting.unwrap().contains("`fault`: expected `none` or"));
}

#[test]
fn a_library_is_loaded_once() {
    let (mut loaded, _) = registries();
    assert!(loaded.load_file(&sample_library()).unwrap().is_none());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.so");
    std::fs::copy(sample_library(), &copy).unwrap();
    let error = loaded.load_file(&copy).unwrap_err();
    assert_eq!(error.code(), "plugin_duplicate");
    assert!(error.to_string().contains("copy.so"), "{error}");
    assert!(error.to_string().contains("sample_plugin"), "{error}");
}
