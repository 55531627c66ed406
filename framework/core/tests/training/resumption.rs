//! Interrupted runs, damaged checkpoints, equal seeds.

use std::path::{Path, PathBuf};

use lapidary_sdk::component::{State, Stateful};
use lapidary_sdk::kinds::{Backbone, Objective};
use tch::{Device, Tensor};

use crate::support::{Linear, alone, circles, embedding, leave_one_out};
use lapidary_core::data::Split;
use lapidary_core::interrupt;
use lapidary_core::refine::UserGuidance;
use lapidary_core::train::{EpochRecord, History, Model, Observer, Settings, Silent, fit};

/// Asks for an interrupt at its n-th forward pass in training.
struct Interrupting {
    inner: Linear,
    at: std::sync::atomic::AtomicI64,
}

impl Stateful for Interrupting {
    fn save(&self) -> lapidary_sdk::Result<State> {
        self.inner.save()
    }

    fn load(&mut self, state: &State) -> lapidary_sdk::Result<()> {
        self.inner.load(state)
    }
}

impl Backbone for Interrupting {
    fn objective(&self) -> lapidary_sdk::Result<Objective> {
        self.inner.objective()
    }

    fn parameters(&self) -> lapidary_sdk::Result<Vec<(String, Tensor)>> {
        self.inner.parameters()
    }

    fn forward(&self, x: &Tensor, mask: &Tensor, train: bool) -> lapidary_sdk::Result<Tensor> {
        if train && self.at.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            interrupt::request();
        }
        self.inner.forward(x, mask, train)
    }
}

pub(super) fn split() -> Split {
    leave_one_out(&circles(30, 12, 6), 12, 6)
}

pub(super) fn settings(seed: u64) -> Settings {
    Settings {
        epochs: 5,
        batch_size: 8,
        learning_rate: 0.01,
        validate_every: 2,
        seed,
        ..Settings::default()
    }
}

fn interrupting(at: i64) -> Interrupting {
    Interrupting {
        inner: Linear::new(8, 0.3),
        at: at.into(),
    }
}

fn model_with(backbone: impl Backbone + 'static) -> Model {
    let scores = || UserGuidance::Scored(Tensor::ones([30, 2], (tch::Kind::Float, Device::Cpu)));
    let start = embedding(12, 2, 6, scores);
    Model::new(&start, Box::new(backbone), 6, Device::Cpu).unwrap()
}

/// A model with dropout whose training is interrupted at the given forward pass (0: never).
pub(super) fn model(interrupt_at: i64) -> Model {
    model_with(interrupting(interrupt_at))
}

fn run(
    interrupt_at: i64,
    seed: u64,
    folder: Option<&Path>,
) -> (Model, lapidary_core::Result<History>) {
    let mut model = model(interrupt_at);
    let history = fit(&mut model, &split(), &settings(seed), folder, &mut Silent);
    interrupt::clear();
    (model, history)
}

pub(super) fn same(a: &Model, b: &Model) -> bool {
    let (a, b) = (a.state().unwrap(), b.state().unwrap());
    a.len() == b.len() && a.iter().zip(&b).all(|((n, x), (m, y))| n == m && x == y)
}

pub(super) fn losses(history: &History) -> Vec<f64> {
    history.epochs.iter().map(|e| e.loss).collect()
}

#[test]
fn equal_seeds_give_equal_weights_and_others_do_not() {
    let _turn = alone();
    let (first, one) = run(0, 1, None);
    let (second, two) = run(0, 1, None);
    let (third, _) = run(0, 2, None);
    assert!(same(&first, &second));
    assert_eq!(losses(&one.unwrap()), losses(&two.unwrap()));
    assert!(!same(&first, &third));
}

#[test]
fn an_interrupted_run_ends_like_one_that_was_not() {
    let _turn = alone();
    let (whole, history) = run(0, 1, None);
    let history = history.unwrap();
    // In the first epoch, at an epoch's end, in the middle, in the last epoch; four batches an epoch.
    for at in [1, 4, 10, 18] {
        let folder = tempfile::tempdir().unwrap();
        let (_, first) = run(at, 1, Some(folder.path()));
        assert!(first.unwrap_err().is_interrupt());
        let (resumed, second) = run(0, 1, Some(folder.path()));
        let second = second.unwrap();
        assert!(same(&whole, &resumed), "interrupted at {at}");
        assert_eq!(losses(&history), losses(&second));
        assert_eq!(history.best_epoch, second.best_epoch);
    }
}

#[test]
fn an_interrupted_validation_loses_no_epoch() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let seldom = Settings {
        checkpoint_every: 5,
        ..settings(1)
    };
    // The last batch of the second epoch, which is the first to be validated.
    let mut first = model(8);
    let run = |model: &mut Model, observer: &mut dyn Observer| {
        let result = fit(model, &split(), &seldom, Some(folder.path()), observer);
        interrupt::clear();
        result
    };
    let stopped = run(&mut first, &mut Silent);
    assert!(stopped.unwrap_err().is_interrupt());
    let (mut resumed, mut told) = (model(0), Told::default());
    run(&mut resumed, &mut told).unwrap();
    assert_eq!((told.resumed, told.epochs), (1, 4));
    assert!(same(&self::run(0, 1, None).0, &resumed));
}

/// Has a parameter that only batches of fewer than eight users touch: the last of each epoch.
struct Seldom {
    inner: Interrupting,
    extra: Tensor,
}

impl Stateful for Seldom {
    fn save(&self) -> lapidary_sdk::Result<State> {
        self.inner.save()
    }

    fn load(&mut self, state: &State) -> lapidary_sdk::Result<()> {
        self.inner.load(state)
    }
}

impl Backbone for Seldom {
    fn objective(&self) -> lapidary_sdk::Result<Objective> {
        self.inner.objective()
    }

    fn parameters(&self) -> lapidary_sdk::Result<Vec<(String, Tensor)>> {
        let mut parameters = self.inner.parameters()?;
        parameters.push(("extra".to_owned(), self.extra.shallow_clone()));
        Ok(parameters)
    }

    fn forward(&self, x: &Tensor, mask: &Tensor, train: bool) -> lapidary_sdk::Result<Tensor> {
        let hidden = self.inner.forward(x, mask, train)?;
        match train && x.size()[0] == 8 {
            true => Ok(hidden),
            false => Ok(hidden + &self.extra),
        }
    }
}

#[test]
fn a_parameter_that_is_seldom_touched_moves_on_after_a_resumption() {
    let _turn = alone();
    let run = |at, folder: Option<&Path>| {
        let mut model = model_with(Seldom {
            inner: interrupting(at),
            extra: Tensor::zeros([8], (tch::Kind::Float, Device::Cpu)).set_requires_grad(true),
        });
        let result = fit(&mut model, &split(), &settings(1), folder, &mut Silent);
        interrupt::clear();
        (model, result)
    };
    let (whole, _) = run(0, None);
    let folder = tempfile::tempdir().unwrap();
    let (_, stopped) = run(5, Some(folder.path()));
    assert!(stopped.unwrap_err().is_interrupt());
    let (resumed, result) = run(0, Some(folder.path()));
    result.unwrap();
    assert!(same(&whole, &resumed));
}

#[derive(Default)]
pub(super) struct Told {
    pub resumed: usize,
    pub epochs: usize,
}

impl Observer for Told {
    fn epoch(&mut self, _: &EpochRecord) -> lapidary_core::Result<()> {
        self.epochs += 1;
        Ok(())
    }

    fn resumed(&mut self, records: &[EpochRecord]) -> lapidary_core::Result<()> {
        self.resumed = records.len();
        Ok(())
    }
}

fn told(folder: &Path, seed: u64) -> (Model, Told) {
    let (mut model, mut told) = (model(0), Told::default());
    fit(
        &mut model,
        &split(),
        &settings(seed),
        Some(folder),
        &mut told,
    )
    .unwrap();
    (model, told)
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The files of all checkpoints, oldest first.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    inside(folder).iter().flat_map(|c| inside(c)).collect()
}

#[test]
fn a_finished_run_is_not_run_again_and_other_settings_start_anew() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let (whole, first) = told(folder.path(), 1);
    assert_eq!((first.resumed, first.epochs), (0, 5));
    assert_eq!(
        checkpoints(folder.path()).len(),
        4,
        "two checkpoints of two files"
    );
    let (again, second) = told(folder.path(), 1);
    assert_eq!((second.resumed, second.epochs), (5, 0));
    assert!(same(&whole, &again));
    let (_, other) = told(folder.path(), 2);
    assert_eq!((other.resumed, other.epochs), (0, 5));
    let (mut moved, mut other) = (model(0), Told::default());
    let state = moved.state().unwrap();
    let own = state.iter().find(|(name, _)| name == "backbone.own");
    let _ = tch::no_grad(|| own.unwrap().1.shallow_clone().fill_(0.5));
    let again = Some(folder.path());
    fit(&mut moved, &split(), &settings(1), again, &mut other).unwrap();
    assert_eq!((other.resumed, other.epochs), (0, 5), "other weights");
    let (mut wetter, mut other) = (model_with(Linear::new(8, 0.2)), Told::default());
    fit(&mut wetter, &split(), &settings(1), again, &mut other).unwrap();
    assert_eq!((other.resumed, other.epochs), (0, 5), "other settings");
}

#[test]
fn a_damaged_checkpoint_is_noticed_and_the_one_before_is_taken() {
    let _turn = alone();
    let (whole, _) = run(0, 1, None);
    type Damage = fn(&Path);
    let flip: Damage = |path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let cut: Damage = |path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let gone: Damage = |path| std::fs::remove_file(path).unwrap();
    for damage in [flip, cut, gone] {
        for file in [2, 3] {
            let folder = tempfile::tempdir().unwrap();
            run(0, 1, Some(folder.path())).1.unwrap();
            damage(&checkpoints(folder.path())[file]);
            let (resumed, told) = told(folder.path(), 1);
            assert_eq!((told.resumed, told.epochs), (4, 1));
            assert!(same(&whole, &resumed));
        }
    }
}

#[test]
fn with_no_good_checkpoint_training_starts_anew() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    run(0, 1, Some(folder.path())).1.unwrap();
    for path in checkpoints(folder.path()) {
        std::fs::write(path, b"{}").unwrap();
    }
    let (_, told) = told(folder.path(), 1);
    assert_eq!((told.resumed, told.epochs), (0, 5));
}

#[test]
fn the_last_good_checkpoint_survives_a_loss_that_is_not_finite() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut broken = model(0);
    struct Spoil(Tensor);
    impl Observer for Spoil {
        fn epoch(&mut self, record: &EpochRecord) -> lapidary_core::Result<()> {
            if record.epoch == 2 {
                let _ = tch::no_grad(|| self.0.fill_(f64::NAN));
            }
            Ok(())
        }
    }
    let mut spoil = Spoil(broken.input_table());
    let error = fit(
        &mut broken,
        &split(),
        &settings(1),
        Some(folder.path()),
        &mut spoil,
    )
    .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("epoch 3") && text.contains("checkpoint is kept"),
        "{text}"
    );
    let mut fresh = model(0);
    let mut told = Told::default();
    fit(
        &mut fresh,
        &split(),
        &settings(1),
        Some(folder.path()),
        &mut told,
    )
    .unwrap();
    assert_eq!((told.resumed, told.epochs), (2, 3));
}
