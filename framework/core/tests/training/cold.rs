//! Items that nobody had in training are found by their guided scores.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use crate::support::{Linear, alone};
use lapidary_core::data::{Contents, Dataset, ItemText, LeaveOneOut, Split, leave_one_out};
use lapidary_core::rank::{Among, Chance, Measure, Metric, Options, Scorer, rank};
use lapidary_core::refine::{Embedding, Guided, Scoring, Unseen, UnseenRule, UserGuidance};
use lapidary_core::train::{Model, Settings, Silent, fit, seed_weights};

const ITEMS: u32 = 60;

/// Users who like even or odd items alone, and never mix them.
fn split() -> Split {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut contents = Contents {
        name: "tastes".to_owned(),
        items: (0..ITEMS)
            .map(|i| ItemText::unknown(format!("i{i}")))
            .collect(),
        offsets: vec![0],
        ..Contents::default()
    };
    for user in 0..200u32 {
        let liked: Vec<u32> = (0..ITEMS).filter(|item| item % 2 == user % 2).collect();
        contents.users.push(format!("u{user}"));
        contents
            .interactions
            .extend(liked.choose_multiple(&mut rng, 10));
        contents.offsets.push(contents.interactions.len() as u64);
    }
    let folder = tempfile::tempdir().unwrap();
    let data = Dataset::create(&folder.path().join("data"), &contents).unwrap();
    let settings = LeaveOneOut {
        hold_out_items: 0.2,
        ..LeaveOneOut::default()
    };
    leave_one_out(&data, &settings).unwrap()
}

/// One attribute tells the two sorts apart, another says nothing.
fn start() -> Embedding {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let scores: Vec<f32> = (0..ITEMS)
        .flat_map(|item| {
            let side = if item % 2 == 0 { 1.0 } else { -1.0 };
            [
                side + rng.random_range(-0.3..0.3),
                rng.random_range(-1.0..1.0),
            ]
        })
        .collect();
    tch::manual_seed(7);
    Embedding {
        guided: Some(Guided {
            attributes: vec!["side".to_owned(), "noise".to_owned()],
            items: Tensor::from_slice(&scores).view([-1, 2]),
            items_trainable: false,
            users: UserGuidance::Backbone,
        }),
        free: Tensor::randn([i64::from(ITEMS), 6], (Kind::Float, Device::Cpu)) * 0.1,
        free_trainable: true,
        tied: true,
        scoring: Scoring::default(),
    }
}

fn mrr(scorer: &dyn Scorer, split: &Split) -> f64 {
    let cold = split.cold.as_ref().unwrap();
    let among = Among::only(scorer, &cold.items).unwrap();
    let ranking = rank(&among, &cold.cases, &cold.cases.test, &Options::default()).unwrap();
    ranking
        .unseen
        .mean(Metric::at(Measure::Mrr, ITEMS), ranking.n_items)
}

#[test]
fn new_items_are_found_by_their_guided_scores() {
    let _turn = alone();
    let split = split();
    assert_eq!(split.held_out().len(), 12);
    seed_weights(1);
    let mut model = Model::new(&start(), Linear::boxed(8), 50, Device::Cpu).unwrap();
    let settings = Settings {
        epochs: 20,
        batch_size: 32,
        learning_rate: 0.01,
        patience: 0,
        ..Settings::default()
    };
    fit(&mut model, &split, &settings, None, &mut Silent).unwrap();
    let chance = mrr(&Chance(ITEMS as usize), &split);
    let expected: f64 = (1..=12).map(|place| 1.0 / f64::from(place)).sum::<f64>() / 12.0;
    assert!((chance - expected).abs() < 1e-9, "{chance} {expected}");
    for rule in [UnseenRule::Zero, UnseenRule::Nearest] {
        let how = Unseen {
            rule,
            ..Unseen::default()
        };
        model.place_unseen(split.held_out(), how).unwrap();
        let found = mrr(&model, &split);
        println!("{rule:?}: {found:.3}, by chance {chance:.3}");
        assert!(found > 1.3 * chance, "{rule:?}: {found} against {chance}");
    }
}
