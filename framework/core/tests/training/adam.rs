//! The optimiser against PyTorch's, from a fixture that `fixtures/adam.py` makes.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use lapidary_core::train::{Adam, OptimiserKind, Parameter, Settings};

fn fixture() -> Vec<(String, Tensor)> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/training/fixtures/adam.safetensors");
    Tensor::read_safetensors(path).unwrap()
}

#[test]
fn ten_steps_are_pytorchs_ten_steps() {
    let fixture = fixture();
    let tensor = |name: &str| {
        let found = fixture.iter().find(|(n, _)| n == name);
        found.map(|(_, t)| t.shallow_clone()).expect(name)
    };
    let cases = [
        ("adam", OptimiserKind::Adam, 0.0, None),
        ("adam_decay", OptimiserKind::Adam, 0.1, None),
        ("adamw", OptimiserKind::Adamw, 0.1, None),
        ("adamw_clipped", OptimiserKind::Adamw, 0.01, Some(0.5)),
    ];
    for (name, optimiser, weight_decay, clip_norm) in cases {
        let settings = Settings {
            optimiser,
            weight_decay,
            clip_norm,
            beta1: 0.8,
            beta2: 0.95,
            ..Settings::default()
        };
        let mut adam = Adam::new(&settings);
        let values: Vec<Tensor> = (0..2)
            .map(|p| tensor(&format!("start.{p}")).copy())
            .collect();
        let gradients: Vec<Tensor> = (0..2).map(|p| tensor(&format!("gradients.{p}"))).collect();
        for step in 0..10 {
            let parameters: Vec<Parameter> = (0..2)
                .map(|p| Parameter {
                    name: format!("p{p}"),
                    value: values[p].shallow_clone(),
                    gradient: gradients[p].get(step).copy(),
                })
                .collect();
            adam.step(&parameters, 0.01 * (step + 1) as f64).unwrap();
        }
        for (p, value) in values.iter().enumerate() {
            let expected = tensor(&format!("{name}.{p}"));
            let difference = (value - expected).abs().max().double_value(&[]);
            assert!(difference < 1e-6, "{name}.{p}: {difference}");
        }
    }
}

#[test]
fn clipping_leaves_small_gradients_alone() {
    let gradient = Tensor::from_slice(&[0.3f32, 0.4]);
    let parameter = Parameter {
        name: "p".to_owned(),
        value: Tensor::zeros([2], (Kind::Float, Device::Cpu)),
        gradient: gradient.copy(),
    };
    let settings = Settings {
        clip_norm: Some(1.0),
        ..Settings::default()
    };
    Adam::new(&settings)
        .step(std::slice::from_ref(&parameter), 0.1)
        .unwrap();
    assert_eq!(parameter.gradient, gradient);
}
