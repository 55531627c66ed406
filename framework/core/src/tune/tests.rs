#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod toy;

use lapidary_sdk::kinds::ItemText;
use lapidary_sdk::{State, component::Stateful};
use tch::{Device, Kind, Tensor};

use self::toy::{ITEMS, Toy, Words, scores, users};
use super::examples::candidates;
use super::loss::recommendation;
use super::*;
use crate::data::Split;
use crate::fingerprint::{Builder, Fingerprint};
use crate::train::Stop;
use crate::train::tests::support::{leave_one_out, train_only};
use crate::{Error, Result};

fn settings() -> TuneSettings {
    TuneSettings {
        users: 18,
        epochs: 4,
        batch_size: 2,
        accumulate: 3,
        negatives: 5,
        learning_rate: 0.1,
        checkpoint_every: 2,
        patience: 0,
        ..TuneSettings::default()
    }
}

fn name() -> Fingerprint {
    Builder::new("test").finish()
}

fn text(item: u32) -> ItemText {
    ItemText {
        title: item.to_string(),
        ..ItemText::default()
    }
}

fn run_on(
    toy: &mut Toy,
    split: &Split,
    settings: &TuneSettings,
    folder: Option<&Path>,
) -> Result<(State, TuneHistory)> {
    let task = Task {
        llm: toy,
        strategy: &Words {
            differentiable: true,
        },
        split,
        text: &text,
        items: &scores(),
        device: Device::Cpu,
        name: name(),
    };
    fine_tune(task, settings, folder, &mut Silent)
}

fn run(settings: &TuneSettings) -> (State, TuneHistory) {
    let split = leave_one_out(&users(), ITEMS, 10);
    run_on(&mut Toy::new(), &split, settings, None).unwrap()
}

/// A history without its times.
fn steady(mut history: TuneHistory) -> TuneHistory {
    for record in &mut history.epochs {
        (record.train_seconds, record.validation_seconds) = (0.0, 0.0);
    }
    history
}

fn same(a: &State, b: &State) -> bool {
    let pairs = a.tensors.iter().zip(&b.tensors);
    a.tensors.len() == b.tensors.len()
        && pairs
            .into_iter()
            .all(|(a, b)| a.0 == b.0 && a.1.equal(&b.1))
}

#[test]
fn losses_fall_and_validation_rises_above_the_model_as_it_was() {
    let (adapter, history) = run(&settings());
    let [first, second, .., last] = history.epochs.as_slice() else {
        panic!("epochs")
    };
    assert_eq!(
        (history.epochs.len(), first.epoch, first.loss),
        (5, 0, None)
    );
    assert_eq!(last.steps, 4 * 3);
    assert!(
        last.recommendation.unwrap() < second.recommendation.unwrap() - 0.3,
        "{history:?}"
    );
    assert!(
        last.format.unwrap() < second.format.unwrap() - 0.1,
        "{history:?}"
    );
    let sum = last.recommendation.unwrap() + 0.1 * last.format.unwrap();
    assert!((last.loss.unwrap() - sum).abs() < 1e-9);
    assert!(
        history.best_value > first.validation[0].1 + 0.2,
        "{history:?}"
    );
    assert!(history.best_epoch > 0 && history.stop == Stop::Epochs);
    assert_eq!(adapter.json["peft_type"], "TOY");
    let value = |name: &str, at: &[i64]| {
        let (_, tensor) = adapter.tensors.iter().find(|(n, _)| n == name).unwrap();
        tensor.double_value(at)
    };
    assert!(value("words", &[0, 0]) > value("words", &[0, 1]));
}

#[test]
fn the_adapter_is_that_of_the_best_epoch() {
    let long = run(&settings());
    let short = TuneSettings {
        epochs: long.1.best_epoch,
        ..settings()
    };
    assert!(
        short.epochs < 4,
        "the fixture's best epoch is not its last: {:?}",
        long.1
    );
    assert!(same(&run(&short).0, &long.0));
    let wild = TuneSettings {
        learning_rate: 1e-6,
        patience: 2,
        ..settings()
    };
    let (adapter, history) = run(&wild);
    assert_eq!((history.best_epoch, history.stop), (0, Stop::Patience));
    assert_eq!(history.epochs.len(), 3);
    assert!(same(&adapter, &Toy::new().save().unwrap()));
}

#[test]
fn format_weight_0_leaves_the_template_alone() {
    let settings = TuneSettings {
        format_weight: 0.0,
        ..settings()
    };
    let (adapter, history) = run(&settings);
    assert_eq!(history.epochs[1].format, None);
    let (_, end) = adapter.tensors.iter().find(|(n, _)| n == "end").unwrap();
    assert_eq!(end.double_value(&[]), 1.0);
}

#[test]
fn gradients_are_accumulated() {
    let one = |batch_size, accumulate| {
        run(&TuneSettings {
            batch_size,
            accumulate,
            epochs: 2,
            ..settings()
        })
    };
    let ((apart, _), (together, history)) = (one(1, 6), one(6, 1));
    assert_eq!(history.epochs[2].steps, 6);
    for ((_, a), (_, b)) in apart.tensors.iter().zip(&together.tensors) {
        assert!(a.allclose(b, 1e-4, 1e-5, false));
    }
}

#[test]
fn an_interrupted_run_ends_as_one_that_was_not() {
    let split = leave_one_out(&users(), ITEMS, 10);
    let whole = run(&settings());
    let whole = (whole.0, steady(whole.1));
    let mut interrupted = 0;
    for patience in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let mut toy = Toy::new();
        toy.patience.set(patience);
        let first = run_on(&mut toy, &split, &settings(), Some(folder.path()));
        let Err(error) = first else { break };
        assert!(error.is_interrupt(), "{error}");
        interrupted += 1;
        let mut toy = Toy::new();
        let (adapter, history) =
            run_on(&mut toy, &split, &settings(), Some(folder.path())).unwrap();
        assert!(same(&adapter, &whole.0), "after {patience} calls");
        assert_eq!(steady(history), whole.1, "after {patience} calls");
    }
    // 4 epochs of 9 batches, and 5 validations of two parts.
    assert_eq!(interrupted, 4 * 9 + 5 * 2);
}

#[test]
fn a_run_that_leaves_the_numbers_says_so_and_keeps_its_checkpoint() {
    let split = leave_one_out(&users(), ITEMS, 10);
    let folder = tempfile::tempdir().unwrap();
    let wild = TuneSettings {
        learning_rate: 1e30,
        ..settings()
    };
    let error = run_on(&mut Toy::new(), &split, &wild, Some(folder.path())).unwrap_err();
    assert_eq!(error.code(), "not_finite", "{error}");
    let message = error.to_string();
    assert!(
        message.contains("`learning_rate`") && message.contains("is kept"),
        "{message}"
    );
    assert!(std::fs::read_dir(folder.path()).unwrap().count() > 0);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let refused = |split: &Split, settings: &TuneSettings| {
        let error = run_on(&mut Toy::new(), split, settings, None).unwrap_err();
        error.to_string()
    };
    let split = leave_one_out(&users(), ITEMS, 10);
    let without = train_only(&users(), ITEMS, 10);
    assert!(refused(&without, &settings()).contains("no validation case"));
    let short: Vec<Vec<u32>> = users().iter().map(|u| u[..3].to_vec()).collect();
    let short = leave_one_out(&short, ITEMS, 10);
    assert!(refused(&short, &settings()).contains("no user has two training items"));
    let change = |change: &dyn Fn(&mut TuneSettings)| {
        let mut settings = settings();
        change(&mut settings);
        refused(&split, &settings)
    };
    assert_eq!(
        change(&|s| s.accumulate = 0),
        "fine_tune: `accumulate`: must be at least 1, found 0"
    );
    assert_eq!(
        change(&|s| s.targets.clear()),
        "fine_tune: `targets`: must be a list of at least one, found an empty list"
    );
    assert_eq!(
        change(&|s| s.temperature = 0.0),
        "fine_tune: `temperature`: must be above 0, found 0.0"
    );

    let mut deaf = Toy::new();
    deaf.gradients = false;
    let error = run_on(&mut deaf, &split, &settings(), None).unwrap_err();
    assert!(error.to_string().contains("carry no gradients"), "{error}");
    let task = Task {
        llm: &mut Toy::new(),
        strategy: &Words {
            differentiable: false,
        },
        split: &split,
        text: &text,
        items: &scores(),
        device: Device::Cpu,
        name: name(),
    };
    let error = fine_tune(task, &settings(), None, &mut Silent).unwrap_err();
    assert!(
        error.to_string().starts_with("prompt strategy, measure"),
        "{error}"
    );
}

#[test]
fn the_training_part_alone_is_learned_from() {
    let split = leave_one_out(&users(), ITEMS, 10);
    let settings = settings();
    let drawn = |users: &[u32], epoch| {
        let drawn = candidates(&split, users, &settings, epoch, Device::Cpu).unwrap();
        Vec::<Vec<i64>>::try_from(drawn).unwrap()
    };
    let all: Vec<u32> = (0..24).collect();
    let first = drawn(&all, 1);
    for (user, row) in first.iter().enumerate() {
        let train = split.train(user);
        assert_eq!((row.len(), row[0]), (6, i64::from(*train.last().unwrap())));
        assert!(row[1..].iter().all(|&item| !train.contains(&(item as u32))));
    }
    assert_ne!(first, drawn(&all, 2));
    assert_eq!(drawn(&[7], 1)[0], first[7], "whoever is beside");

    // Whatever comes after the training part, the steps are the same.
    let other: Vec<Vec<u32>> = users()
        .into_iter()
        .map(|mut user| {
            let n = user.len();
            user[n - 1] = (user[n - 1] + 5) % ITEMS as u32;
            user[n - 2] = (user[n - 2] + 7) % ITEMS as u32;
            user
        })
        .collect();
    let other = leave_one_out(&other, ITEMS, 10);
    let losses = |split| {
        let (_, history) = run_on(&mut Toy::new(), split, &settings, None).unwrap();
        history.epochs.iter().map(|e| e.loss).collect::<Vec<_>>()
    };
    assert_eq!(losses(&split), losses(&other));
}

#[test]
fn the_loss_is_cross_entropy_over_products_of_users_and_items() {
    let items = Tensor::from_slice2(&[[1.0f32, 0.0], [0.0, 2.0], [1.0, 1.0]]);
    let users = Tensor::from_slice2(&[[0.5f32, -1.0], [2.0, 1.0]]).set_requires_grad(true);
    let candidates = Tensor::from_slice2(&[[0i64, 1], [2, 0]]);
    let loss = recommendation(&users, &candidates, &items, 0.5 / 2f64.sqrt()).unwrap();
    // Scores over the temperature and the root of 2 attributes: 1 against -4, and 6 against 4.
    let expected = ((1.0 + (-5f64).exp()).ln() + (1.0 + (-2f64).exp()).ln()) / 2.0;
    assert!((loss.double_value(&[]) - expected).abs() < 1e-6);
    loss.backward();
    // Half of each row's: probability of the other item times the difference of both, over the temperature.
    let other = |difference: f64| 1.0 / (1.0 + difference.exp());
    let expected = [[-other(5.0), 2.0 * other(5.0)], [0.0, -other(2.0)]];
    let expected = Tensor::from_slice2(&expected).to_kind(Kind::Float);
    assert!(users.grad().allclose(&expected, 1e-4, 1e-6, false));
}

#[test]
fn an_adapter_is_written_as_peft_stores_it_and_never_over_another() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("a/adapter");
    let adapter = Toy::new().save().unwrap();
    publish_adapter(&folder, &adapter).unwrap();
    let tensors = Tensor::read_safetensors(folder.join("adapter_model.safetensors")).unwrap();
    assert_eq!(tensors.len(), 2);
    let config = std::fs::read(folder.join("adapter_config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["peft_type"], "TOY");
    assert!(matches!(
        publish_adapter(&folder, &adapter),
        Err(Error::Io { .. })
    ));
}
