//! Components written in Lua: those of `scripts/components` keep what every component of their kind promises and say the
//! same numbers as other code; a changed one invalidates what came out of it; mistakes are told with file and line.
#![allow(clippy::disallowed_methods)]

use std::path::Path;

use lapidary_core::plugin::{Registry, Report};
use lapidary_script::components;
use lapidary_sdk::kinds::{Backbone, BackboneContext, ReducerContext};
use lapidary_testkit::conformance::Depth;
use lapidary_testkit::in_tests::{assert_conforms, case};
use lapidary_testkit::library::plugin_library;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use serde_json::Value;

use super::*;

fn registry_of(folder: &Path) -> (Registry, Report) {
    let (mut registry, mut report) = (Registry::empty(), Report::default());
    components::add(&mut registry, folder, &mut report);
    (registry, report)
}

fn own() -> Registry {
    let (registry, report) = registry_of(&workspace().join("scripts/components"));
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    registry
}

/// In one test: they draw from libtorch's generator, which all threads share.
#[test]
fn the_shipped_ones_keep_what_their_kinds_promise() {
    let registry = own();
    for (kind, name, settings) in [
        ("reducer", "rotation", json!({})),
        ("reducer", "rotation", json!({"rotate": false})),
        ("prompt_strategy", "score_contrast", json!({})),
        ("prompt_strategy", "score_contrast", json!({"scale": false})),
        ("backbone", "min_gru", json!({"layers": 1})),
        ("backbone", "min_gru", json!({"dropout": 0})),
    ] {
        assert_conforms(&registry, &case(kind, name, settings), Depth::All);
    }
    the_templates_do_too();
    the_backbone_computes_what_its_equations_say(&registry);
    gradients_are_those_of_differences(&registry);
}

/// What `{{name}}` stands for is the only gap in them.
fn the_templates_do_too() {
    for kind in ["reducer", "prompt_strategy", "backbone"] {
        let template = format!("framework/cli/templates/lua/{kind}.lua");
        let text = std::fs::read_to_string(workspace().join(template)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.lua");
        std::fs::write(file, text.replace("{{name}}", "mine")).unwrap();
        let (registry, report) = registry_of(folder.path());
        assert!(report.refused.is_empty(), "{:?}", report.refused);
        assert_conforms(&registry, &case(kind, "mine", json!({})), Depth::All);
    }
}

const DIM: i64 = 6;

fn min_gru(registry: &Registry) -> Box<dyn Backbone> {
    let context = BackboneContext {
        dim: DIM,
        max_len: 5,
        device: "cpu".to_owned(),
    };
    tch::manual_seed(5);
    let settings = json!({"layers": 2, "dropout": 0.0, "init_std": 0.4});
    registry.backbone("min_gru", &settings, &context).unwrap()
}

fn batch() -> (Tensor, Tensor) {
    let input = (Tensor::arange(3 * 5 * DIM, (Kind::Float, Device::Cpu)) * 0.7).sin();
    let mask = Tensor::ones([3, 5], (Kind::Bool, Device::Cpu));
    (input.reshape([3, 5, DIM]), mask)
}

/// The same written once more, a position and a row at a time.
fn the_backbone_computes_what_its_equations_say(registry: &Registry) {
    let model = min_gru(registry);
    let parameters = model.parameters().unwrap();
    let of = |block: usize, name: &str| {
        let name = format!("blocks.{block}.{name}");
        let found = parameters.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.detach()
    };
    let (input, mask) = batch();
    let affine = |x: &Tensor, block: usize, name: &str| {
        x.matmul(&of(block, &format!("{name}.weight")).tr()) + of(block, &format!("{name}.bias"))
    };
    let norm = |x: &Tensor, block: usize, name: &str| {
        let centred = x - x.mean(Kind::Float);
        let deviation = (centred.square().mean(Kind::Float) + 1e-5).sqrt();
        centred / deviation * of(block, &format!("{name}.weight"))
            + of(block, &format!("{name}.bias"))
    };
    let hidden = model.forward(&input, &mask, true).unwrap();
    for row in 0..3 {
        let mut sequence: Vec<Tensor> = (0..5).map(|t| input.get(row).get(t)).collect();
        for block in 1..=2 {
            let mut state = Tensor::zeros([DIM], (Kind::Float, Device::Cpu));
            for x in &mut sequence {
                let z = affine(x, block, "gate").sigmoid();
                state = (1.0 - &z) * state + z * affine(x, block, "candidate");
                let y = norm(&(&*x + &state), block, "state_norm");
                let inner = affine(&y, block, "inner");
                let gelu = &inner * 0.5 * (1.0 + (&inner / 2f64.sqrt()).erf());
                *x = norm(&(&y + affine(&gelu, block, "outer")), block, "norm");
            }
        }
        let expected = Tensor::stack(&sequence, 0);
        let difference = (hidden.get(row) - expected).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{difference}");
    }
}

fn gradients_are_those_of_differences(registry: &Registry) {
    let model = min_gru(registry);
    let (input, mask) = batch();
    let weights = (Tensor::arange(input.numel() as i64, (Kind::Double, Device::Cpu)) * 0.3).cos();
    let loss = || {
        let hidden = model.forward(&input, &mask, true).unwrap();
        (hidden.to_kind(Kind::Double).reshape([-1]) * &weights).sum(Kind::Double)
    };
    loss().backward();
    const STEP: f64 = 1e-2;
    for (name, parameter) in model.parameters().unwrap() {
        let gradient = parameter.grad().reshape([-1]);
        let values = tch::no_grad(|| parameter.view([-1]));
        for place in [0, values.size()[0] / 2] {
            let moved = |by: f64| {
                tch::no_grad(|| {
                    let _ = values.get(place).g_add_scalar_(by);
                    loss().double_value(&[])
                })
            };
            let (up, down) = (moved(STEP), moved(-2.0 * STEP));
            moved(STEP);
            let (by_steps, found) = ((up - down) / (2.0 * STEP), gradient.double_value(&[place]));
            let close = (by_steps - found).abs() < 2e-2 * (1.0 + found.abs());
            assert!(close, "{name}[{place}]: {found} instead of {by_steps}");
        }
    }
}

#[test]
fn without_rotation_the_reducer_is_pca() {
    let mut registry = own();
    registry.load_file(&plugin_library("reducers")).unwrap();
    let table = (Tensor::arange(40 * 7, (Kind::Float, Device::Cpu)) * 1.3)
        .sin()
        .reshape([40, 7])
        * Tensor::linspace(3.0, 0.5, 7, (Kind::Float, Device::Cpu));
    let reduce = |name: &str, settings| {
        let mut reducer = registry
            .reducer(name, &settings, &ReducerContext { seed: 3 })
            .unwrap();
        let shares = reducer.fit(&table, 4).unwrap();
        (shares, reducer.transform(&table).unwrap())
    };
    let (ours, theirs) = (
        reduce("rotation", json!({"rotate": false})),
        reduce("pca", json!({})),
    );
    let difference = (&ours.1 - &theirs.1).abs().max().double_value(&[]);
    assert!(difference < 1e-4, "{difference}");
    for (a, b) in ours.0.unwrap().iter().zip(theirs.0.unwrap()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    // Turned, rows keep their distances.
    let (shares, turned) = reduce("rotation", json!({}));
    let norm = |t: &Tensor| t.square().sum(Kind::Double).double_value(&[]);
    assert!(shares.is_none() && (norm(&turned) / norm(&theirs.1) - 1.0).abs() < 1e-5);
    assert!((&turned - &theirs.1).abs().max().double_value(&[]) > 0.1);
}

#[test]
fn a_changed_component_computes_anew_what_came_out_of_it_and_nothing_else() {
    let place = Place::new();
    let folder = place.path("experiment");
    std::fs::create_dir_all(folder.join("components")).unwrap();
    let scripts = workspace().join("scripts");
    let script = folder.join("own_components.lua");
    std::fs::copy(scripts.join("own_components.lua"), &script).unwrap();
    for name in ["rotation.lua", "score_contrast.lua", "min_gru.lua"] {
        let to = folder.join("components").join(name);
        std::fs::copy(scripts.join("components").join(name), to).unwrap();
    }
    let attributes = std::fs::read_to_string(workspace().join("configs/attributes/movies.toml"));
    let attributes = attributes.unwrap();
    let end = attributes.match_indices("[[attributes]]").nth(2).unwrap().0;
    std::fs::write(folder.join("two.toml"), &attributes[..end]).unwrap();
    let set = [SMALL[0], SMALL[1], "dim=8", "attributes=two.toml"];
    let first = place.print(script.to_str().unwrap(), &set);
    assert!(
        first.contains("min_gru") && first.contains("ndcg@10"),
        "{first}"
    );

    let file = folder.join("components/rotation.lua");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n-- changed\n")).unwrap();
    assert_eq!(
        steady(&first),
        steady(&place.print(script.to_str().unwrap(), &set))
    );
    let run = std::fs::read(place.latest_run().join("run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let how = |sort: &str| -> Vec<String> {
        let artefacts = run["artefacts"].as_object().unwrap().iter();
        let of_sort = artefacts.filter(|(key, _)| key.starts_with(sort));
        of_sort
            .map(|(_, note)| note["how"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        (how("base"), how("guided")),
        (vec!["loaded".to_owned()], vec!["loaded".to_owned()])
    );
    assert_eq!(
        (how("refined"), how("model")),
        (vec!["made".to_owned()], vec!["made".to_owned(); 2])
    );

    let described = std::process::Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .current_dir(&folder)
        .args(["describe", "min_gru"])
        .output()
        .unwrap();
    let described = self::text(&described);
    assert!(
        described.contains("hidden_factor") && described.contains("min_gru.lua"),
        "{described}"
    );
}

fn refusal(file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.lua"), file).unwrap();
    let (_, report) = registry_of(folder.path());
    report.refused[0].error.to_string()
}

#[test]
fn a_file_that_cannot_be_used_is_refused_with_what_to_do() {
    for (file, expected) in [
        (
            "return 3",
            "must return a table that describes the component, not 3",
        ),
        (
            "\nlocal x = nil + 1",
            "mine.lua:2: attempt to perform arithmetic on a nil value",
        ),
        ("return {", "mine.lua:1: "),
        (
            "return { kind = 'reducr', summary = '' }",
            "did you mean `reducer`?",
        ),
        ("return { summary = '' }", "`kind` is missing"),
        (
            "return { kind = 'reducer', summary = 'x', fit = print, tranform = print }",
            "did you mean `transform`?",
        ),
        (
            "return { kind = 'reducer', summary = 'x', fit = print, transform = 3 }",
            "`transform` must be a function",
        ),
        (
            "return { kind = 'reducer', summary = 'x', fit = print, transform = print, settings = { a = { type = 'int', default = 1 } } }",
            "did you mean `integer`?",
        ),
        (
            "return { kind = 'reducer', summary = 'x', fit = print, transform = print, settings = { a = { type = 'integer', defualt = 1 } } }",
            "did you mean `default`?",
        ),
        (
            "return { kind = 'reducer', summary = 'x', fit = print, transform = print, settings = { a = { type = 'integer', default = 0, min = 1 } } }",
            "less than the minimum of 1",
        ),
        (
            "lapidary.dataset('x')",
            "unknown name `dataset` of `lapidary`",
        ),
        ("math.random()", "mine.lua:1: "),
    ] {
        let told = refusal(file);
        assert!(
            told.contains("mine.lua") && told.contains(expected),
            "{file}: {told}"
        );
    }
}

#[test]
fn an_error_in_a_component_names_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = "return {\n kind = 'reducer', summary = 'x', settings = { deep = { type = 'boolean', default = false } },\n \
                create = function(settings) return { deep = settings.deep } end,\n \
                fit = function(self, values, dim)\n  if self.deep then while true do dim = dim + 1 end end\n  return values:matmul(values)\n end,\n \
                transform = function() return 5 end,\n}";
    std::fs::write(folder.path().join("mine.lua"), file).unwrap();
    let (registry, report) = registry_of(folder.path());
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    let table = Tensor::ones([4, 3], (Kind::Float, Device::Cpu));
    let make = || {
        registry
            .reducer("mine", &json!({}), &ReducerContext { seed: 1 })
            .unwrap()
    };
    let told = make().fit(&table, 2).unwrap_err().to_string();
    assert!(
        told.contains("mine.lua:6: ") && told.contains("tensor operation failed"),
        "{told}"
    );
    let unknown = registry.reducer("mine", &json!({"depe": true}), &ReducerContext { seed: 1 });
    let Err(unknown) = unknown else {
        panic!("an unknown setting passed")
    };
    assert!(
        unknown.to_string().contains("did you mean `deep`?"),
        "{unknown}"
    );
}
