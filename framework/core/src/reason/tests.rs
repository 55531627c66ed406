#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::data::{Case, Split};
use crate::rank::{Query, Scorer, recommend};
use crate::refine::{Scoring, Similarity, UserGuidance, explain};
use crate::train::Model;
use crate::train::tests::support::{Linear, alone, base, circles, embedding, leave_one_out};

const V: i64 = 30;
const M: i64 = 4;
const K: i64 = 3;
const U: usize = 12;

fn split() -> Split {
    leave_one_out(&circles(U, V as usize, 7), V as usize, 5)
}

/// A model whose users' guided part comes from `users`.
fn model(users: &str, similarity: Similarity, seed: i64) -> Model {
    let guidance = || match users {
        "scored" => {
            tch::manual_seed(seed);
            UserGuidance::Scored(Tensor::randn([U as i64, M], (Kind::Float, Device::Cpu)))
        }
        "backbone" => UserGuidance::Backbone,
        _ => UserGuidance::Hidden,
    };
    let mut start = embedding(V, M, K, guidance);
    start.scoring = Scoring {
        similarity,
        temperature: 0.5,
        trainable: false,
    };
    Model::new(&start, Linear::boxed(M + K), 5, Device::Cpu).unwrap()
}

const USERS: [&str; 3] = ["scored", "backbone", "hidden"];
const SIMILARITIES: [Similarity; 2] = [Similarity::Dot, Similarity::Cosine];

fn steer(name: &str, step: f64) -> Steer {
    Steer(BTreeMap::from([(name.to_owned(), step)]))
}

fn queries(split: &Split) -> Vec<Query<'_>> {
    let query = |case: &Case| Query {
        user: Some(case.user),
        history: split.history(*case),
    };
    split.test.iter().map(query).collect()
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.abs().max().double_value(&[])
}

fn row(table: &Tensor, at: i64) -> Vec<f32> {
    Vec::<f32>::try_from(&table.get(at)).unwrap()
}

#[test]
fn without_every_attribute_the_rest_of_the_explanation_is_left() {
    let _turn = alone();
    let split = split();
    for (users, similarity) in USERS.iter().flat_map(|u| SIMILARITIES.map(|s| (u, s))) {
        let model = model(users, similarity, 1);
        let asked = queries(&split);
        let (vectors, table) = (
            model.user_vectors(&asked).unwrap(),
            model.output_table().unwrap(),
        );
        let left = vectors.copy();
        let _ = left.narrow(1, 0, M).fill_(0.0);
        let (scores, left) = (
            model.scores(&asked).unwrap(),
            left.mm(&table.transpose(0, 1)),
        );
        for (user, item) in [(0, 3), (5, 29), (11, 0)] {
            let why = explain(&row(&vectors, user), &row(&table, item), model.attributes());
            let why = why.unwrap();
            let score = scores.double_value(&[user, item]);
            let rest = left.double_value(&[user, item]);
            assert!((why.score - score).abs() < 1e-5, "{users}: {why:?} {score}");
            assert!((why.rest - rest).abs() < 1e-5, "{users}: {why:?} {rest}");
        }
    }
}

#[test]
fn a_step_moves_an_item_one_deviation_up_by_one_deviation_of_the_users_scores() {
    let _turn = alone();
    let split = split();
    for (users, similarity) in USERS.iter().flat_map(|u| SIMILARITIES.map(|s| (u, s))) {
        let model = model(users, similarity, 1);
        let asked = queries(&split);
        let still = model.scores(&asked).unwrap();
        let steered = Steered::new(&model, &steer("a2", -1.5)).unwrap();
        let gained = steered.scores(&asked).unwrap() - &still;
        let column = model.output_table().unwrap().select(1, 2);
        let standing = &column / column.std(false);
        let spread = still.std_dim([1i64].as_slice(), false, true);
        let expected = spread * standing.unsqueeze(0) * -1.5;
        assert!(largest(&(gained - expected)) < 1e-4, "{users}");
        let moved = steered.user_vectors(&asked).unwrap() - model.user_vectors(&asked).unwrap();
        for other in (0..M + K).filter(|other| *other != 2) {
            assert!(largest(&moved.select(1, other)) == 0.0, "{users}");
        }
    }
}

#[test]
fn a_user_without_any_preference_gets_the_items_by_the_attribute() {
    let _turn = alone();
    let model = model("backbone", Similarity::Dot, 1);
    let nobody = Query {
        user: None,
        history: &[],
    };
    let steered = Steered::new(&model, &steer("a1", 1.0)).unwrap();
    let found = recommend(&steered, nobody, 5).unwrap();
    let (_, best) = model.item_table().select(1, 1).topk(5, 0, true, true);
    let best: Vec<u32> = Vec::<i64>::try_from(best)
        .unwrap()
        .into_iter()
        .map(|item| item as u32)
        .collect();
    assert_eq!(
        found.iter().map(|(item, _)| *item).collect::<Vec<_>>(),
        best
    );
}

#[test]
fn steering_by_0_changes_nothing() {
    let _turn = alone();
    let split = split();
    for (users, similarity) in USERS.iter().flat_map(|u| SIMILARITIES.map(|s| (u, s))) {
        let model = model(users, similarity, 1);
        let asked = queries(&split);
        for steer in [Steer::default(), steer("a1", 0.0)] {
            let steered = Steered::new(&model, &steer).unwrap();
            assert_eq!(
                steered.scores(&asked).unwrap(),
                model.scores(&asked).unwrap()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The best k by s + t·x hold no less of x as t rises, whatever s is.
    #[test]
    fn steering_up_never_lowers_what_the_lists_hold_of_the_attribute(
        seed in 0i64..1000, users in 0usize..3, column in 0i64..M, k in 1usize..12,
    ) {
        let _turn = alone();
        let model = model(USERS[users], Similarity::Dot, seed);
        let split = split();
        let scores = model.item_table().select(1, column);
        let settings = SteeringSettings {
            attribute: format!("a{column}"),
            steps: vec![-4.0, -1.0, 0.0, 0.5, 2.0, 8.0],
            k,
        };
        let found = steering(&model, &split, &split.test, &scores, &settings).unwrap();
        let means: Vec<f64> = found.steps.iter().map(|s| s.mean).collect();
        prop_assert!(means.windows(2).all(|w| w[0] <= w[1] + 1e-6), "{:?}", means);
        prop_assert!(means[0] < means[5], "{:?}", means);
    }
}

#[test]
fn the_first_step_loses_nothing_and_the_unsteered_one_is_the_plain_ranking() {
    let _turn = alone();
    let (model, split) = (model("scored", Similarity::Dot, 1), split());
    let scores = model.item_table().select(1, 0);
    let settings = SteeringSettings {
        attribute: "a0".to_owned(),
        ..SteeringSettings::default()
    };
    let found = steering(&model, &split, &split.test, &scores, &settings).unwrap();
    let options = crate::rank::Options::default();
    let plain = crate::rank::rank(&model, &split, &split.test, &options).unwrap();
    let metric = |text: &str| plain.unseen.mean(text.parse().unwrap(), V as usize);
    let first = &found.steps[0];
    assert_eq!(
        (first.recall, first.ndcg),
        (metric("recall@10"), metric("ndcg@10"))
    );
    assert_eq!((first.recall_loss, first.ndcg_loss), (Some(0.0), Some(0.0)));
    for step in &found.steps {
        let expected = 1.0 - step.ndcg / first.ndcg;
        assert!((step.ndcg_loss.unwrap() - expected).abs() < 1e-12);
    }
    let text = found.to_string();
    assert!(
        text.contains("12 cases steered by a0") && text.contains("ndcg@10"),
        "{text}"
    );
}

#[test]
fn steps_that_cannot_be_taken_are_refused() {
    let _turn = alone();
    let model = model("scored", Similarity::Dot, 1);
    let refused = |steer: &Steer| Steered::new(&model, steer).err().unwrap().to_string();
    assert_eq!(
        refused(&steer("a11", 1.0)),
        "unknown attribute `a11`; did you mean `a1`, `a0`, `a2`?"
    );
    assert!(refused(&steer("a1", f64::NAN)).contains("not a number"));
    let _ = model.item_table().select(1, 1).fill_(0.25);
    assert!(refused(&steer("a1", 1.0)).contains("all items score the same"));
    Steered::new(&model, &steer("a1", 0.0)).unwrap();
}

#[test]
fn models_without_attributes_are_told_why() {
    let _turn = alone();
    let plain = Model::new(&base(V, 5), Linear::boxed(5), 5, Device::Cpu).unwrap();
    let split = split();
    let steered = Steered::new(&plain, &steer("humor", 1.0));
    let faithful = faithfulness(
        &plain,
        &split,
        &split.test,
        &FaithfulnessSettings::default(),
    );
    let scores = plain.item_table().select(1, 0);
    let steering = steering(
        &plain,
        &split,
        &split.test,
        &scores,
        &SteeringSettings::default(),
    );
    for message in [
        steered.err().unwrap().to_string(),
        faithful.unwrap_err().to_string(),
        steering.unwrap_err().to_string(),
    ] {
        assert!(
            message.contains("has no attributes") && message.contains("lapidary.refine"),
            "{message}"
        );
    }
}

/// Overlap of the best k with and without the attributes of the largest parts, one user and one item at a time.
fn overlap_by_hand(model: &Model, query: Query<'_>, remove: usize, k: usize) -> f64 {
    let best = recommend(model, query, k).unwrap();
    let user = row(&model.user_vectors(&[query]).unwrap(), 0);
    let table = model.output_table().unwrap();
    let mut parts: Vec<(f32, usize)> = (0..M as usize)
        .map(|a| ((user[a] * row(&table, best[0].0.into())[a]).abs(), a))
        .collect();
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left = user.clone();
    parts[..remove].iter().for_each(|&(_, a)| left[a] = 0.0);
    let score = |item: u32| -> f32 {
        let row = row(&table, item.into());
        left.iter().zip(row).map(|(u, i)| u * i).sum()
    };
    let mut items: Vec<u32> = (0..V as u32)
        .filter(|i| !query.history.contains(i))
        .collect();
    items.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
    let kept = best.iter().filter(|(item, _)| items[..k].contains(item));
    kept.count() as f64 / k as f64
}

#[test]
fn faithfulness_is_that_of_one_case_after_the_other() {
    let _turn = alone();
    let split = split();
    for (users, similarity) in USERS.iter().flat_map(|u| SIMILARITIES.map(|s| (u, s))) {
        let model = model(users, similarity, 5);
        let settings = FaithfulnessSettings {
            remove: 2,
            k: 6,
            ..FaithfulnessSettings::default()
        };
        let found = faithfulness(&model, &split, &split.test, &settings).unwrap();
        let asked = queries(&split);
        let by_hand = asked.iter().map(|q| overlap_by_hand(&model, *q, 2, 6));
        let expected = by_hand.sum::<f64>() / asked.len() as f64;
        assert!(
            (found.important - expected).abs() < 1e-6,
            "{users}: {found:?} {expected}"
        );
        let difference = found.random - found.important;
        assert!((found.difference.mean - difference).abs() < 1e-6);
        assert_eq!((found.cases, found.attributes), (U, M as usize));
    }
}

/// All that tells items apart, for every user, is the attribute of that column; none where it is not given.
fn one_sided(column: Option<i64>) -> Model {
    let users = Tensor::zeros([U as i64, M], (Kind::Float, Device::Cpu));
    if let Some(column) = column {
        let _ = users.select(1, column).fill_(50.0);
    }
    let start = embedding(V, M, K, || UserGuidance::Scored(users));
    Model::new(&start, Linear::boxed(M + K), 5, Device::Cpu).unwrap()
}

#[test]
fn what_decides_is_told_from_what_does_not() {
    let _turn = alone();
    let split = split();
    let settings = FaithfulnessSettings {
        remove: 1,
        ..FaithfulnessSettings::default()
    };
    let deciding = faithfulness(&one_sided(Some(2)), &split, &split.test, &settings).unwrap();
    assert!(deciding.difference.low > 0.0, "{deciding:?}");
    assert!(deciding.important < 0.7 && deciding.random > deciding.important);
    let idle = faithfulness(&one_sided(None), &split, &split.test, &settings).unwrap();
    assert_eq!((idle.important, idle.random), (1.0, 1.0));
    assert_eq!((idle.difference.low, idle.difference.high), (0.0, 0.0));
    assert!(deciding.to_string().contains("without 1 of 4 attributes"));
}

#[test]
fn the_seed_chooses_the_random_attributes_and_nothing_else() {
    let _turn = alone();
    let (model, split) = (model("scored", Similarity::Dot, 1), split());
    let of = |seed| {
        let settings = FaithfulnessSettings {
            remove: 1,
            seed,
            ..FaithfulnessSettings::default()
        };
        faithfulness(&model, &split, &split.test, &settings).unwrap()
    };
    assert_eq!(of(1), of(1));
    let (one, other) = (of(1), of(2));
    assert_eq!(one.important, other.important);
    assert_ne!(one.random, other.random);
}

#[test]
fn a_list_longer_than_what_is_left_is_compared_by_what_is_left() {
    let _turn = alone();
    let (model, split) = (model("scored", Similarity::Dot, 1), split());
    let settings = FaithfulnessSettings {
        k: 100,
        ..FaithfulnessSettings::default()
    };
    let found = faithfulness(&model, &split, &split.test, &settings).unwrap();
    // Without order all that may be recommended is in both lists.
    assert_eq!((found.important, found.random), (1.0, 1.0));
}

#[test]
fn settings_that_measure_nothing_are_refused() {
    let _turn = alone();
    let (model, split) = (model("scored", Similarity::Dot, 1), split());
    let refused = |remove, k, cases: &[Case]| {
        let settings = FaithfulnessSettings {
            remove,
            k,
            ..FaithfulnessSettings::default()
        };
        let found = faithfulness(&model, &split, cases, &settings);
        found.unwrap_err().to_string()
    };
    assert!(refused(0, 10, &split.test).contains("give 1 to 3"));
    assert!(refused(4, 10, &split.test).contains("give 1 to 3"));
    assert!(refused(2, 0, &split.test).contains("`k`"));
    assert!(refused(2, 10, &[]).contains("no cases"));
    let check = |change: fn(&mut SteeringSettings)| {
        let mut settings = SteeringSettings {
            attribute: "a1".to_owned(),
            ..SteeringSettings::default()
        };
        change(&mut settings);
        settings.check(model.attributes()).unwrap_err().to_string()
    };
    assert!(check(|s| s.attribute.clear()).contains("the model has a0, a1, a2, a3"));
    assert!(check(|s| s.attribute = "b1".to_owned()).contains("did you mean"));
    assert!(check(|s| s.steps.clear()).contains("{ 0, 1, 2, 4 }"));
    assert!(check(|s| s.k = 0).contains("`k`"));
}

#[test]
fn a_score_that_is_no_number_is_told() {
    let _turn = alone();
    let (model, split) = (model("scored", Similarity::Dot, 1), split());
    let _ = model.item_table().select(0, 3).fill_(f64::NAN);
    let settings = FaithfulnessSettings::default();
    let error = faithfulness(&model, &split, &split.test, &settings).unwrap_err();
    assert!(error.to_string().contains("NaN"), "{error}");
}
