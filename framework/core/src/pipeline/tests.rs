#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod precomputed;
mod text;

use std::cell::Cell;
use std::path::Path;

use lapidary_sdk::kinds::{BaseEmbedder, BaseEmbeddings, Interactions, Reducer, methods};
use lapidary_sdk::{Description, Kind, Result as SdkResult, State, component::Stateful};
use serde_json::{Value, json};
use tch::{Device, Tensor};

use super::*;
use crate::artefact::Store;
use crate::data::{CaseSet, Split};
use crate::plugin::{Factory, Origin, Place, Registry};
use crate::refine::{RefineSettings, UserPart};
use crate::run::{RunFolder, Start as RunStart};
use crate::train::Settings;
use crate::train::tests::support::{Linear, alone, circles, leave_one_out};

/// Counts how often each item was had; keeps the first columns.
struct Counts(i64, i64);

impl Stateful for Counts {
    fn save(&self) -> SdkResult<State> {
        Ok(State::default())
    }
    fn load(&mut self, _: &State) -> SdkResult<()> {
        Ok(())
    }
}

impl BaseEmbedder for Counts {
    fn fit(&mut self, interactions: &Interactions) -> SdkResult<BaseEmbeddings> {
        let counts = interactions.items.bincount(None::<&Tensor>, self.0);
        let items = counts.to_kind(tch::Kind::Float).unsqueeze(1);
        let items =
            items.repeat([1, self.1]) * Tensor::arange(self.1, (tch::Kind::Float, Device::Cpu));
        let users = interactions.offsets.size()[0] - 1;
        Ok(BaseEmbeddings {
            items,
            users: Some(Tensor::ones(
                [users, self.1],
                (tch::Kind::Float, Device::Cpu),
            )),
        })
    }
}

impl Reducer for Counts {
    fn fit(&mut self, _: &Tensor, dim: i64) -> SdkResult<Option<Vec<f64>>> {
        self.1 = dim;
        Ok(None)
    }
    fn transform(&self, table: &Tensor) -> SdkResult<Tensor> {
        Ok(table.f_narrow(1, 0, self.1)?)
    }
}

fn described(kind: Kind, name: &str) -> Description {
    Description {
        kind,
        name: name.to_owned(),
        summary: "For tests.".to_owned(),
        settings: json!({"type": "object", "properties": {"depth": {"type": "integer"}}}),
        defaults: json!({"depth": 1}),
        methods: methods(kind),
    }
}

fn registry(code: &Path, version: &str) -> Registry {
    let mut registry = Registry::empty();
    let origin = || Origin {
        plugin: "sample".to_owned(),
        version: version.to_owned(),
        place: Place::Script(code.to_path_buf()),
    };
    let backbone = Factory::Backbone(Box::new(|_, told| Ok(Linear::boxed(told.dim))));
    let embedder = Factory::BaseEmbedder(Box::new(|_, told| {
        Ok(Box::new(Counts(told.n_items, told.dim)))
    }));
    let reducer = Factory::Reducer(Box::new(|_, _| Ok(Box::new(Counts(0, 0)))));
    for (name, kind, factory) in [
        ("linear", Kind::Backbone, backbone),
        ("counts", Kind::BaseEmbedder, embedder),
        ("first", Kind::Reducer, reducer),
    ] {
        registry
            .add(described(kind, name), origin(), factory)
            .unwrap();
    }
    registry
}

struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("code"), "1").unwrap();
        std::fs::write(folder.path().join("x.lua"), "").unwrap();
        Self { folder }
    }

    fn context_of(&self, version: &str, dry_run: bool) -> Context {
        let path = self.folder.path();
        let start = RunStart::default();
        Context {
            store: Store::open(path.join("store")).unwrap(),
            registry: registry(&path.join("code"), version),
            device: Device::Cpu,
            seed: 3,
            dry_run,
            model_dirs: Vec::new(),
            keep_checkpoints: Cell::default(),
            folder: std::rc::Rc::new(
                RunFolder::create(&path.join("runs"), &path.join("x.lua"), start).unwrap(),
            ),
        }
    }

    fn context(&self) -> Context {
        self.context_of("1", false)
    }
}

fn noted(context: &Context) -> Value {
    let text = std::fs::read(context.folder.path().join("run.json")).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["artefacts"].clone()
}

fn split(items: usize) -> Split {
    leave_one_out(&circles(6, items, 7), items, 5)
}

fn test_cases() -> Question {
    Question {
        cases: CaseSet::Test,
        lists: 3,
        among: Candidates::All,
    }
}

fn short() -> Settings {
    Settings {
        epochs: 2,
        patience: 0,
        ..Settings::default()
    }
}

fn only_reduced() -> RefineSettings {
    RefineSettings {
        dim: Some(3),
        users: UserPart::Hidden,
        ..RefineSettings::default()
    }
}

fn choose(context: &Context, kind: Kind, name: &str) -> Chosen {
    Chosen::new(context, kind, name, &json!({})).unwrap()
}

fn refined_of(context: &Context, split: &Split) -> RefinedEmbedding {
    let embedder = choose(context, Kind::BaseEmbedder, "counts");
    let base = embed(context, split, &embedder, 4, 1).unwrap();
    let reducer = choose(context, Kind::Reducer, "first");
    refine(context, &base, Some(&reducer), None, &only_reduced(), 1).unwrap()
}

#[test]
fn a_whole_experiment_is_made_once_and_noted() {
    let _turn = alone();
    let scene = Scene::new();
    let split = split(8);
    let run = || {
        let context = scene.context();
        let refined = refined_of(&context, &split);
        let backbone = choose(&context, Kind::Backbone, "linear");
        let start = Start::Refined(&refined);
        let model = train(&context, &split, &backbone, start, &short()).unwrap();
        let found = evaluate(&context, &model, &split, test_cases()).unwrap();
        let history = model.history().unwrap().clone();
        (context, found.ranking.unwrap(), history)
    };
    let (context, first, history) = run();
    let notes = noted(&context);
    assert_eq!(notes.as_object().unwrap().len(), 4);
    for (key, note) in notes.as_object().unwrap() {
        assert_eq!(note["how"], "made", "{key}");
        assert!(
            note["seconds"].is_f64() && note["inputs"].is_object(),
            "{key}"
        );
    }
    let (context, second, again) = run();
    assert!(
        noted(&context)
            .as_object()
            .unwrap()
            .values()
            .all(|n| n["how"] == "loaded")
    );
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    assert_eq!(format!("{history:?}"), format!("{again:?}"));
}

#[test]
fn user_tables_of_embedders_are_kept() {
    let scene = Scene::new();
    for _ in 0..2 {
        let context = scene.context();
        let embedder = choose(&context, Kind::BaseEmbedder, "counts");
        let base = embed(&context, &split(8), &embedder, 4, 1).unwrap();
        assert_eq!(base.items.unwrap().size(), [8, 4]);
        assert_eq!(base.users.unwrap().size(), [6, 4]);
    }
}

#[test]
fn whatever_goes_in_is_in_the_name() {
    let scene = Scene::new();
    let of = |context: &Context, items: usize, given: Value, dim: i64, seed: u64| {
        let embedder = Chosen::new(context, Kind::BaseEmbedder, "counts", &given).unwrap();
        let base = embed(context, &split(items), &embedder, dim, seed).unwrap();
        base.fingerprint.to_string()
    };
    let plain = of(&scene.context(), 8, json!({}), 4, 1);
    assert_eq!(plain, of(&scene.context(), 8, json!({"depth": 1}), 4, 1));
    let mut names = vec![
        plain,
        of(&scene.context(), 9, json!({}), 4, 1),
        of(&scene.context(), 8, json!({"depth": 2}), 4, 1),
        of(&scene.context(), 8, json!({}), 5, 1),
        of(&scene.context(), 8, json!({}), 4, 2),
        of(&scene.context_of("2", false), 8, json!({}), 4, 1),
    ];
    // A rebuilt plugin of the same version.
    std::fs::write(scene.folder.path().join("code"), "2").unwrap();
    names.push(of(&scene.context(), 8, json!({}), 4, 1));
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_seed_names_a_refinement_only_where_a_reducer_can_use_it() {
    let scene = Scene::new();
    let context = scene.context();
    let embedder = choose(&context, Kind::BaseEmbedder, "counts");
    let base = embed(&context, &split(8), &embedder, 3, 1).unwrap();
    let reducer = choose(&context, Kind::Reducer, "first");
    let name = |reducer, seed| {
        let refined = refine(&context, &base, reducer, None, &only_reduced(), seed);
        refined.unwrap().fingerprint
    };
    assert_eq!(name(None, 1), name(None, 2));
    assert_ne!(name(Some(&reducer), 1), name(Some(&reducer), 2));
}

#[test]
fn parts_of_different_splits_are_refused() {
    let _turn = alone();
    let scene = Scene::new();
    let context = scene.context();
    let (one, other) = (split(8), split(9));
    let refined = refined_of(&context, &one);
    let backbone = choose(&context, Kind::Backbone, "linear");
    let trained = train(
        &context,
        &other,
        &backbone,
        Start::Refined(&refined),
        &short(),
    );
    let message = trained.err().unwrap().to_string();
    assert!(
        message.contains("make both from one split") && message.contains(one.fingerprint.short()),
        "{message}"
    );
    let (_, model) = embed_with_backbone(&context, &one, &backbone, 4, &short()).unwrap();
    let asked = evaluate(&context, &model, &other, test_cases());
    assert!(
        asked
            .unwrap_err()
            .to_string()
            .contains("make both from one split")
    );
}

#[test]
fn a_dry_run_checks_and_makes_nothing() {
    let scene = Scene::new();
    let context = scene.context_of("1", true);
    let split = split(8);
    let refined = refined_of(&context, &split);
    assert!(refined.embedding.is_none() && refined.dim == 3);
    let backbone = choose(&context, Kind::Backbone, "linear");
    let model = train(
        &context,
        &split,
        &backbone,
        Start::Refined(&refined),
        &short(),
    )
    .unwrap();
    assert!(model.model().is_none());
    assert!(
        noted(&context)
            .as_object()
            .unwrap()
            .values()
            .all(|n| n["how"] == "missing")
    );
    assert!(!context.store.root().join("base").exists());

    let embedder = choose(&context, Kind::BaseEmbedder, "counts");
    let base = embed(&context, &split, &embedder, 4, 1).unwrap();
    let message = |settings: &RefineSettings| {
        refine(&context, &base, None, None, settings, 1)
            .unwrap_err()
            .to_string()
    };
    assert!(message(&only_reduced()).contains("give a reducer"));
    let wrong = RefineSettings {
        alpha: -1.0,
        ..RefineSettings::default()
    };
    assert!(message(&wrong).contains("alpha"));
}

#[test]
fn a_backbone_is_a_base_embedder_too_and_names_of_both_kinds_are_known() {
    let scene = Scene::new();
    let context = scene.context();
    let kind = |name| Chosen::base_embedder(&context, name, &json!({})).map(|c| c.kind);
    assert_eq!(kind("counts").unwrap(), Kind::BaseEmbedder);
    assert_eq!(kind("linear").unwrap(), Kind::Backbone);
    let message = kind("linaer").unwrap_err().to_string();
    assert!(message.contains("did you mean `linear`"), "{message}");
}
