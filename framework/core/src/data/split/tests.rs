#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::data::date::Moment;
use crate::data::{Contents, Dataset, ItemText};

/// Users given as `(item, time)` pairs, oldest first.
fn data(folder: &Path, users: &[Vec<(u32, i64)>], items: u32, timed: bool) -> Dataset {
    let mut contents = Contents {
        name: "small".to_owned(),
        items: (0..items)
            .map(|i| ItemText::unknown(format!("i{i}")))
            .collect(),
        offsets: vec![0],
        times: timed.then(Vec::new),
        ..Contents::default()
    };
    for (number, rows) in users.iter().enumerate() {
        contents.users.push(format!("u{number}"));
        for (item, time) in rows {
            contents.interactions.push(*item);
            contents.times.iter_mut().for_each(|t| t.push(*time));
        }
        contents.offsets.push(contents.interactions.len() as u64);
    }
    Dataset::create(&folder.join("data"), &contents).unwrap()
}

fn rising(items: &[u32]) -> Vec<(u32, i64)> {
    items.iter().zip(0..).map(|(i, t)| (*i, t)).collect()
}

#[test]
fn leave_one_out_takes_the_last_two() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(
        folder.path(),
        &[rising(&[0, 1, 2, 3]), rising(&[1, 0]), rising(&[2, 1, 4])],
        5,
        true,
    );
    let split = leave_one_out(&data, &LeaveOneOut::default()).unwrap();
    assert_eq!(split.train_len, [2, 2, 1]);
    assert_eq!(split.train(0), [0, 1]);
    assert_eq!(split.train(1), [1, 0], "a short user trains only");
    assert_eq!(
        split.valid,
        [Case { user: 0, end: 2 }, Case { user: 2, end: 1 }]
    );
    assert_eq!(
        (split.history(split.test[1]), split.target(split.test[1])),
        (&[2, 1][..], 4)
    );
    assert_eq!(split.report.train_interactions, 5);
    assert_eq!((split.report.valid_cases, split.report.test_cases), (2, 2));
    assert_eq!(split.report.tied_test, 0.0);
    assert_eq!(split.report.cold_test, 1.0, "items 3 and 4 never train");
    assert_eq!(split.report.cold_valid, 0.0);
}

#[test]
fn ties_and_repeats_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let users = [
        vec![(0, 1), (1, 2), (2, 5), (3, 5)],
        vec![(0, 1), (1, 2), (2, 3), (0, 4)],
    ];
    let split = leave_one_out(
        &data(folder.path(), &users, 4, true),
        &LeaveOneOut::default(),
    )
    .unwrap();
    assert_eq!(
        (split.report.tied_test, split.report.tied_valid),
        (0.5, 0.0)
    );
    assert_eq!(split.report.repeated_test, 0.5);
    assert!(
        split
            .report
            .to_string()
            .contains("50.0 % of test targets tie"),
        "{}",
        split.report
    );
}

#[test]
fn without_times_the_order_is_kept_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &[rising(&[3, 1, 2, 0])], 4, false);
    let split = leave_one_out(
        &data,
        &LeaveOneOut {
            seed: 7,
            ..Default::default()
        },
    )
    .unwrap();
    assert_eq!(split.sequences.of(0), [3, 1, 2, 0]);
    assert!(!split.report.has_times);
    assert!(split.report.to_string().contains("source's order is kept"));
    let error = temporal(&data, &Temporal::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("no times"), "{error}");
}

#[test]
fn values_out_of_range_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &[rising(&[0, 1]), rising(&[1, 0])], 2, true);
    let loo = |max_len, min_len| {
        leave_one_out(
            &data,
            &LeaveOneOut {
                max_len,
                seed: 0,
                min_len,
                ..Default::default()
            },
        )
        .unwrap_err()
        .to_string()
    };
    assert!(loo(0, 3).contains("max_len"));
    assert!(loo(5, 2).contains("min_len"));
    assert!(loo(5, 3).contains("no user of `small` has 3 interactions"));
    let at = |valid: Option<i64>, test: Option<i64>, quantiles| {
        let settings = Temporal {
            valid_from: valid.map(Moment),
            test_from: test.map(Moment),
            quantiles,
            ..Temporal::default()
        };
        temporal(&data, &settings).unwrap_err().to_string()
    };
    assert!(at(Some(1), None, (0.8, 0.9)).contains("together"));
    assert!(at(Some(3), Some(2), (0.8, 0.9)).contains("not before test"));
    assert!(at(None, None, (0.9, 0.8)).contains("rise between 0 and 1"));
    assert!(at(None, None, (f64::NAN, 0.8)).contains("rise between 0 and 1"));
    assert!(at(Some(0), Some(1), (0.8, 0.9)).contains("training would be empty"));
    assert!(at(Some(1), Some(9), (0.8, 0.9)).contains("test would be empty"));
}

#[test]
fn temporal_targets_are_the_first_or_all() {
    let folder = tempfile::tempdir().unwrap();
    let users = [
        vec![(0, 1), (1, 10), (2, 11), (3, 20), (4, 21)],
        vec![(0, 2), (1, 3)],
        vec![(2, 12), (3, 22)],
    ];
    let data = data(folder.path(), &users, 5, true);
    let cut = |targets| {
        let (valid_from, test_from) = (Some(Moment(10)), Some(Moment(20)));
        temporal(
            &data,
            &Temporal {
                valid_from,
                test_from,
                targets,
                ..Default::default()
            },
        )
        .unwrap()
    };
    let case = |user, end| Case { user, end };
    let first = cut(Targets::First);
    assert_eq!(first.train_len, [1, 2, 0]);
    assert_eq!(first.valid, [case(0, 1)]);
    assert_eq!(first.test, [case(0, 3), case(2, 1)]);
    assert_eq!(first.history(case(0, 3)), [0, 1, 2]);
    assert_eq!(
        first.report.without_history, 1,
        "user 2 begins with a validation target"
    );
    let all = cut(Targets::All);
    assert_eq!(all.valid, [case(0, 1), case(0, 2)]);
    assert_eq!(all.test, [case(0, 3), case(0, 4), case(2, 1)]);
    assert_ne!(first.fingerprint, all.fingerprint);
}

#[test]
fn the_fingerprint_follows_data_and_settings() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &[rising(&[0, 1, 2])], 3, true);
    let of = |seed| {
        leave_one_out(
            &data,
            &LeaveOneOut {
                seed,
                ..Default::default()
            },
        )
        .unwrap()
        .fingerprint
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn nobody_trains_on_the_future(
        mut users in prop::collection::vec(prop::collection::vec((0u32..12, 0i64..50), 1..12), 2..15),
        valid_from in 1i64..25, width in 1i64..25, all: bool, seed: u64,
    ) {
        users.iter_mut().for_each(|u| u.sort_by_key(|r| r.1));
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path(), &users, 12, true);
        let test_from = valid_from + width;
        let settings = Temporal {
            valid_from: Some(Moment(valid_from)),
            test_from: Some(Moment(test_from)),
            targets: if all { Targets::All } else { Targets::First },
            seed,
            ..Temporal::default()
        };
        let Ok(split) = temporal(&data, &settings) else { return Ok(()) };
        for (user, rows) in users.iter().enumerate() {
            let earlier = rows.iter().filter(|r| r.1 < valid_from).count();
            prop_assert_eq!(split.train_len[user] as usize, earlier);
            let mut trained = split.train(user).to_vec();
            let mut expected: Vec<u32> = rows[..earlier].iter().map(|r| r.0).collect();
            trained.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(trained, expected);
        }
        for case in &split.valid {
            let time = users[case.user as usize][case.end as usize].1;
            prop_assert!((valid_from..test_from).contains(&time));
        }
        for case in &split.test {
            prop_assert!(users[case.user as usize][case.end as usize].1 >= test_from);
            prop_assert!(!split.history(*case).is_empty());
        }
    }

    #[test]
    fn the_order_of_a_user_does_not_depend_on_others(
        mut users in prop::collection::vec(prop::collection::vec((0u32..6, 0i64..4), 3..9), 2..6), seed: u64,
    ) {
        users.iter_mut().for_each(|u| u.sort_by_key(|r| r.1));
        let folder = tempfile::tempdir().unwrap();
        let settings = LeaveOneOut { seed, ..Default::default() };
        let together = leave_one_out(&data(folder.path(), &users, 6, true), &settings).unwrap();
        let alone = leave_one_out(&data(folder.path(), &users[..1], 6, true), &settings).unwrap();
        prop_assert_eq!(together.sequences.of(0), alone.sequences.of(0));
    }
}

fn holding_out(share: f64, seed: u64) -> LeaveOneOut {
    LeaveOneOut {
        hold_out_items: share,
        seed,
        ..Default::default()
    }
}

#[test]
fn a_split_that_holds_nothing_out_keeps_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path(), &[rising(&[0, 1, 2, 3, 4, 5])], 6, true);
    let of = |share| leave_one_out(&data, &holding_out(share, 0)).map(|s| s.fingerprint);
    let named = serde_json::json!({"max_len": 50, "min_len": 3, "seed": 0});
    let before = crate::fingerprint::Builder::new("split")
        .part("data", data.fingerprint())
        .json("leave one out", &named);
    assert_eq!(of(0.0).unwrap(), before.finish());
    assert_ne!(of(0.3).unwrap(), of(0.0).unwrap());
    for share in [-0.1, 1.0, f64::NAN] {
        assert!(
            of(share)
                .unwrap_err()
                .to_string()
                .contains("must be a share of the items")
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn held_out_items_are_targets_of_cold_cases_and_nothing_else(
        mut users in prop::collection::vec(prop::collection::vec((0u32..12, 0i64..50), 1..12), 2..15),
        share in 0.05f64..0.6, seed: u64,
    ) {
        users.iter_mut().for_each(|u| u.sort_by_key(|r| r.1));
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path(), &users, 12, true);
        let Ok(split) = leave_one_out(&data, &holding_out(share, seed)) else { return Ok(()) };
        let whole = super::order::ordered(&data, seed).unwrap().sequences;
        let out = split.held_out();
        prop_assert_eq!(out.len(), ((share * 12.0).round() as usize).max(1));
        prop_assert!(out.is_sorted());
        let mut asked = 0;
        for user in 0..users.len() {
            let all = whole.of(user);
            let kept: Vec<u32> = all.iter().copied().filter(|i| !out.contains(i)).collect();
            prop_assert_eq!(split.sequences.of(user), kept);
            let last = all.iter().rposition(|i| out.contains(i));
            let before: Vec<u32> =
                all[..last.unwrap_or(0)].iter().copied().filter(|i| !out.contains(i)).collect();
            let case = split.cases(CaseSet::Cold).iter().find(|c| c.user as usize == user);
            prop_assert_eq!(case.is_some(), !before.is_empty());
            if let (Some(&case), Some(last)) = (case, last) {
                let cold = split.asked(CaseSet::Cold);
                prop_assert_eq!((cold.history(case), cold.target(case)), (&before[..], all[last]));
                asked += 1;
            }
        }
        prop_assert_eq!(split.report.cold_cases, asked);
        prop_assert_eq!(split.report.held_out_items, out.len() as u64);
        prop_assert_eq!(split.sequences.items.len(), split.sequences.offsets[users.len()] as usize);
    }
}
