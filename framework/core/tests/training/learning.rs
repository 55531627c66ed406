//! Training finds a planted signal, and its edge cases end well.

use lapidary_sdk::kinds::Objective;
use tch::{Device, Kind, Tensor};

use crate::support::{Linear, alone, base, circles, embedding, leave_one_out, train_only};
use lapidary_core::data::Split;
use lapidary_core::error::Error;
use lapidary_core::rank::{Options, rank};
use lapidary_core::refine::{Embedding, UserGuidance};
use lapidary_core::settings;
use lapidary_core::train::{
    Decay, EpochRecord, LossKind, Model, Observer, OptimiserKind, Settings, Silent, Stop, fit,
};

fn quick() -> Settings {
    Settings {
        epochs: 40,
        batch_size: 16,
        learning_rate: 0.02,
        patience: 0,
        validate_every: 10,
        ..Settings::default()
    }
}

fn mrr(model: &Model, split: &Split) -> f64 {
    let ranking = rank(model, split, &split.test, &Options::default()).unwrap();
    ranking.all.mean("mrr".parse().unwrap(), ranking.n_items)
}

fn trained(embedding: &Embedding, split: &Split, settings: &Settings) -> Model {
    let backbone = Linear::boxed(embedding.dim());
    let mut model = Model::new(embedding, backbone, split.max_len, Device::Cpu).unwrap();
    fit(&mut model, split, settings, None, &mut Silent).unwrap();
    model
}

#[test]
fn every_loss_learns_to_go_round_the_circle() {
    let _turn = alone();
    let split = leave_one_out(&circles(70, 20, 8), 20, 6);
    for loss in [
        LossKind::CrossEntropy,
        LossKind::SampledCrossEntropy,
        LossKind::Bce,
        LossKind::Bpr,
        LossKind::BprMax,
    ] {
        let settings = Settings {
            loss,
            negatives: 4,
            score_regularisation: 0.1,
            ..quick()
        };
        let found = mrr(&trained(&base(20, 16), &split, &settings), &split);
        assert!(found > 0.9, "{loss:?}: {found}");
    }
}

#[test]
fn every_form_of_user_guidance_learns() {
    let _turn = alone();
    let split = leave_one_out(&circles(70, 20, 8), 20, 6);
    let scored = || UserGuidance::Scored(Tensor::zeros([70, 3], (Kind::Float, Device::Cpu)));
    let forms: [fn() -> UserGuidance; 3] =
        [scored, || UserGuidance::Backbone, || UserGuidance::Hidden];
    for form in forms {
        let start = embedding(20, 3, 13, form);
        let model = trained(&start, &split, &quick());
        let found = mrr(&model, &split);
        assert!(found > 0.9, "{:?}: {found}", model.description().users);
        let guided = model.item_table().narrow(1, 0, 3);
        assert_eq!(guided, start.guided.unwrap().items);
    }
}

#[test]
fn untied_tables_and_other_schedules_learn() {
    let _turn = alone();
    let split = leave_one_out(&circles(70, 20, 8), 20, 6);
    let mut start = base(20, 16);
    start.tied = false;
    let settings = Settings {
        optimiser: OptimiserKind::Adamw,
        weight_decay: 0.01,
        clip_norm: Some(5.0),
        warmup_steps: 10,
        decay: Decay::Cosine,
        ..quick()
    };
    let found = mrr(&trained(&start, &split, &settings), &split);
    assert!(found > 0.9, "{found}");
}

#[test]
fn cloze_learns_what_belongs_together() {
    let _turn = alone();
    // Users stay within one of four groups of five items: the group is all a bag of items can tell.
    let sequences: Vec<Vec<u32>> = (0..60u32)
        .map(|u| (0..8).map(|s| (u % 4) * 5 + (u * 3 + s * 2) % 5).collect())
        .collect();
    let split = leave_one_out(&sequences, 20, 6);
    let mut backbone = Linear::new(16, 0.0);
    backbone.objective = Objective::Cloze {
        mask_probability: 0.3,
    };
    let start = base(20, 16);
    let mut model = Model::new(&start, Box::new(backbone), 6, Device::Cpu).unwrap();
    let before = mrr(&model, &split);
    fit(&mut model, &split, &quick(), None, &mut Silent).unwrap();
    let after = mrr(&model, &split);
    assert!(after > 0.38 && after > before, "{before} {after}");
}

#[derive(Default)]
struct Heard(Vec<EpochRecord>);

impl Observer for Heard {
    fn epoch(&mut self, record: &EpochRecord) -> lapidary_core::Result<()> {
        self.0.push(record.clone());
        Ok(())
    }
}

#[test]
fn stops_when_validation_gets_no_better_and_takes_the_best_epoch() {
    let _turn = alone();
    let split = leave_one_out(&circles(40, 10, 8), 10, 6);
    let settings = Settings {
        epochs: 200,
        validate_every: 1,
        patience: 3,
        ..quick()
    };
    let mut model = Model::new(&base(10, 8), Linear::boxed(8), 6, Device::Cpu).unwrap();
    let mut heard = Heard::default();
    let history = fit(&mut model, &split, &settings, None, &mut heard).unwrap();
    assert_eq!(history.stop, Stop::Patience);
    assert_eq!(history.epochs, heard.0);
    assert_eq!(history.epochs.len() as u32, history.best_epoch + 3);
    let best = &history.epochs[history.best_epoch as usize - 1];
    assert!(best.best);
    let ranking = rank(&model, &split, &split.valid, &Options::default()).unwrap();
    let (metric, value) = best.validation[0];
    assert_eq!(metric, settings.validation);
    assert_eq!(ranking.unseen.mean(metric, 10), value);
    assert!(
        history
            .epochs
            .iter()
            .all(|e| e.targets == split_targets(&split))
    );
}

fn split_targets(split: &Split) -> u64 {
    let of = |n: &u32| (*n as usize - 1).min(split.max_len) as u64;
    split.train_len.iter().map(of).sum()
}

#[test]
fn a_left_over_batch_one_user_and_one_item_train_too() {
    let _turn = alone();
    let settings = Settings {
        epochs: 2,
        batch_size: 4,
        ..quick()
    };
    let mut cases = vec![(leave_one_out(&circles(9, 6, 5), 6, 5), 6)];
    cases.push((leave_one_out(&circles(1, 6, 5), 6, 5), 6));
    cases.push((leave_one_out(&[vec![0; 5], vec![0; 4]], 1, 5), 1));
    cases.push((train_only(&[vec![2, 1]], 3, 5), 3));
    for (split, n_items) in cases {
        let mut model = Model::new(&base(n_items, 4), Linear::boxed(4), 5, Device::Cpu).unwrap();
        let history = fit(&mut model, &split, &settings, None, &mut Silent).unwrap();
        assert_eq!(history.epochs.len(), 2);
        assert!(history.epochs.iter().all(|e| e.loss.is_finite()));
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_with_advice() {
    let _turn = alone();
    let split = leave_one_out(&circles(20, 10, 8), 10, 6);
    let mut start = base(10, 8);
    start.free *= 1e30;
    let mut model = Model::new(&start, Linear::boxed(8), 6, Device::Cpu).unwrap();
    let error = fit(&mut model, &split, &quick(), None, &mut Silent).unwrap_err();
    assert!(matches!(error, Error::NotFinite(_)), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("epoch 1") && text.contains("`learning_rate`"),
        "{text}"
    );
}

#[test]
fn what_does_not_fit_is_said_before_training() {
    let _turn = alone();
    let split = leave_one_out(&circles(9, 6, 5), 6, 5);
    let refuse = |start: &Embedding, max_len: usize| {
        let backbone = Linear::boxed(start.dim());
        let mut model = Model::new(start, backbone, max_len, Device::Cpu).unwrap();
        fit(&mut model, &split, &quick(), None, &mut Silent)
            .unwrap_err()
            .to_string()
    };
    assert!(refuse(&base(7, 4), 5).contains("6 items"));
    assert!(refuse(&base(6, 4), 3).contains("sequences of up to 5"));
    let scored = || UserGuidance::Scored(Tensor::zeros([4, 2], (Kind::Float, Device::Cpu)));
    assert!(refuse(&embedding(6, 2, 2, scored), 5).contains("9 users"));
}

#[test]
fn settings_name_what_is_wrong() {
    let read = |text: &str| {
        let given = serde_json::from_str(text).unwrap();
        let settings: Settings = settings::read(given, "fit").map_err(|e| e.to_string())?;
        settings.check("fit").map_err(|e| e.to_string())?;
        Ok::<_, String>(settings)
    };
    let good = read(r#"{"epochs": 3, "validation": "mrr@5", "loss": "bpr"}"#).unwrap();
    assert_eq!((good.epochs, good.loss), (3, LossKind::Bpr));
    assert!(
        read(r#"{"epoch": 3}"#)
            .unwrap_err()
            .contains("did you mean `epochs`")
    );
    assert!(
        read(r#"{"epochs": 0}"#)
            .unwrap_err()
            .contains("fit: `epochs`: must be at least 1")
    );
    assert!(read(r#"{"loss": "hinge"}"#).unwrap_err().contains("`loss`"));
    assert!(
        read(r#"{"validation": "ndgc@10"}"#)
            .unwrap_err()
            .contains("`ndcg`")
    );
    assert!(
        read(r#"{"learning_rate": -1}"#)
            .unwrap_err()
            .contains("above 0")
    );
}
