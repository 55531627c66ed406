#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use tch::{Kind, Tensor};

use super::popularity::counts;
use super::*;
use crate::data::{Case, Split};
use crate::error::{Error, Result};
use crate::train::tests::support::leave_one_out;

/// Scores given in advance, a row for each user.
struct Given {
    rows: Vec<Vec<f32>>,
}

impl Scorer for Given {
    fn n_items(&self) -> i64 {
        self.rows[0].len() as i64
    }

    fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
        let row = |q: &Query<'_>| self.rows[q.user.unwrap() as usize].clone();
        let flat: Vec<f32> = queries.iter().flat_map(row).collect();
        Ok(Tensor::f_from_slice(&flat)?.f_view([queries.len() as i64, self.n_items()])?)
    }
}

fn metric(text: &str) -> Metric {
    text.parse().unwrap()
}

fn few_at_a_time(lists: Option<usize>) -> Options {
    Options {
        lists,
        max_scores: 16,
        min_rows: 1,
    }
}

/// Rank counted one item at a time.
fn brute(scores: &[f32], target: u32, removed: &[u32]) -> (u32, u32) {
    let own = scores[target as usize];
    let others = (0..scores.len() as u32).filter(|i| *i != target && !removed.contains(i));
    others.fold((0, 0), |(greater, ties), i| {
        let score = scores[i as usize];
        (
            greater + u32::from(score > own),
            ties + u32::from(score == own),
        )
    })
}

fn users() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<Vec<f32>>)> {
    (2usize..9, 1usize..12).prop_flat_map(|(n_items, users)| {
        let sequence = prop::collection::vec(0..n_items as u32, 2..9);
        // Few distinct scores, so that many tie.
        let row = prop::collection::vec((0i8..4).prop_map(f32::from), n_items);
        (
            prop::collection::vec(sequence, users),
            prop::collection::vec(row, users),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn places_and_lists_are_those_of_brute_force((sequences, rows) in users(), k in 1usize..6) {
        let split = leave_one_out(&sequences, rows[0].len(), 4);
        let scorer = Given { rows: rows.clone() };
        let ranking = rank(&scorer, &split, &split.test, &few_at_a_time(Some(k))).unwrap();
        for (n, &case) in split.test.iter().enumerate() {
            let (history, target) = (split.history(case), split.target(case));
            let scores = &rows[case.user as usize];
            for (places, removed) in [(&ranking.all, &[][..]), (&ranking.unseen, history)] {
                let found = (places.greater[n], places.ties[n]);
                prop_assert_eq!(found, brute(scores, target, removed));
                let (items, listed) = places.top.as_ref().unwrap().of(n);
                let may = |i: &u32| !removed.contains(i) || *i == target;
                let mut best: Vec<f32> =
                    (0..scores.len() as u32).filter(may).map(|i| scores[i as usize]).collect();
                best.sort_by(|a, b| b.total_cmp(a));
                best.truncate(k);
                prop_assert_eq!(listed, &best[..]);
                prop_assert!(items.iter().zip(listed).all(|(&i, &s)| scores[i as usize] == s));
                prop_assert!(items.iter().all(may));
            }
        }
    }
}

fn plain_split() -> Split {
    let sequences: Vec<Vec<u32>> = (0..50u32)
        .map(|u| (0..6).map(|s| (u * 3 + s * s) % 40).collect())
        .collect();
    leave_one_out(&sequences, 40, 5)
}

#[test]
fn a_constant_scorer_gets_what_chance_gets() {
    let split = plain_split();
    let scorer = Given {
        rows: vec![vec![0.5; 40]; 50],
    };
    let ranking = rank(&scorer, &split, &split.test, &few_at_a_time(None)).unwrap();
    let chance: f64 = (1..=40).map(|r| 1.0 / f64::from(r)).sum::<f64>() / 40.0;
    assert!((ranking.all.mean(metric("mrr"), 40) - chance).abs() < 1e-12);
    assert!((ranking.all.mean(metric("recall@10"), 40) - 0.25).abs() < 1e-12);
    let report = ranking.report(&[metric("mrr")], &split);
    assert_eq!(report.tied, 1.0);
}

#[test]
fn the_target_stays_even_where_the_user_has_it() {
    let split = leave_one_out(&[vec![1, 0, 2, 1]], 3, 4);
    let scorer = Given {
        rows: vec![vec![3.0, 1.0, 2.0]],
    };
    let ranking = rank(&scorer, &split, &split.test, &Options::default()).unwrap();
    assert_eq!((ranking.all.greater[0], ranking.unseen.greater[0]), (2, 0));
}

#[test]
fn a_score_that_is_nan_is_an_error_wherever_it_stands() {
    let split = plain_split();
    let mut rows = vec![vec![0.0; 40]; 50];
    rows[17][39] = f32::NAN;
    let error = rank(&Given { rows }, &split, &split.test, &few_at_a_time(None)).unwrap_err();
    assert!(matches!(error, Error::NotFinite(_)), "{error}");
}

#[test]
fn no_cases_and_wrong_shapes_end_well() {
    let split = plain_split();
    let scorer = Given {
        rows: vec![vec![0.0; 40]; 50],
    };
    let ranking = rank(&scorer, &split, &[], &few_at_a_time(Some(3))).unwrap();
    let report = ranking.report(&[metric("ndcg@10")], &split);
    assert_eq!(report.unseen.get(metric("ndcg@10")).unwrap(), 0.0);
    let short = Given {
        rows: vec![vec![0.0; 39]; 50],
    };
    let error = rank(&short, &split, &split.test, &few_at_a_time(None)).unwrap_err();
    assert!(error.to_string().contains("40 items"), "{error}");
}

#[test]
fn popularity_lists_what_training_holds_most() {
    let sequences = vec![
        vec![0, 0, 1, 2, 3],
        vec![0, 1, 1, 3, 2],
        vec![1, 0, 0, 2, 3],
    ];
    let split = leave_one_out(&sequences, 5, 4);
    let scorer = Popularity::new(&split).unwrap();
    let ranking = rank(&scorer, &split, &split.test, &few_at_a_time(Some(2))).unwrap();
    let lists = ranking.all.top.as_ref().unwrap();
    assert!((0..3).all(|case| lists.of(case).0 == [0, 1]));
    let report = ranking.report(&[metric("mrr")], &split);
    let catalogue = report.all.catalogue.unwrap();
    assert_eq!(catalogue.coverage, 0.4);
    assert!(catalogue.popularity_bias > 0.0);
}

#[test]
fn lists_of_a_constant_scorer_are_those_of_chance() {
    let (users, items, k) = (300u32, 40u32, 5usize);
    // Item 0 is everybody's, the others get rarer.
    let sequence = |u: u32| vec![0, 1 + u % 3, 1 + u % 7, 1 + u % 31, 1 + u % 39];
    let sequences: Vec<_> = (0..users).map(sequence).collect();
    let split = leave_one_out(&sequences, items as usize, 5);
    let same = |value: f32| Given {
        rows: vec![vec![value; items as usize]; users as usize],
    };
    let listed = |scorer: &Given, block: usize| {
        let options = Options {
            lists: Some(k),
            max_scores: block,
            min_rows: 1,
        };
        rank(scorer, &split, &split.test, &options).unwrap()
    };
    let ranking = listed(&same(0.5), 1 << 20);
    let lists = ranking.all.top.as_ref().unwrap();
    let mut shown = vec![0; items as usize];
    for case in 0..lists.len() {
        lists
            .of(case)
            .0
            .iter()
            .for_each(|&i| shown[i as usize] += 1);
    }
    // 37.5 on average, with a deviation of 5.7.
    assert!(shown.iter().all(|n| (12..64).contains(n)), "{shown:?}");
    let found = ranking.report(&[], &split).all.catalogue.unwrap();
    assert_eq!(found.coverage, 1.0);
    let popularity: Vec<f64> = counts(&split).iter().map(|&c| (c as f64).ln_1p()).collect();
    let of = |items: &[u32]| {
        items.iter().map(|&i| popularity[i as usize]).sum::<f64>() / items.len() as f64
    };
    let histories = split.test.iter().map(|&case| of(split.history(case)));
    let expected = of(&(0..items).collect::<Vec<_>>()) - histories.sum::<f64>() / f64::from(users);
    assert!(
        (found.popularity_bias - expected).abs() < 0.1,
        "{found:?}, {expected}"
    );

    let blocks = listed(&same(0.5), 64);
    assert_eq!(
        blocks.all.top.unwrap().items,
        lists.items,
        "blocks change nothing"
    );
    let mut some = same(0.0);
    some.rows
        .iter_mut()
        .for_each(|row| (row[7], row[9], row[11]) = (2.0, 1.0, 1.0));
    let ranking = listed(&some, 1 << 20);
    let lists = ranking.all.top.unwrap();
    let nines = (0..lists.len())
        .filter(|&case| lists.of(case).0[1] == 9)
        .count();
    assert!((0..lists.len()).all(|case| lists.of(case).0[0] == 7));
    assert!((100..200).contains(&nines), "ties within a list: {nines}");
}

#[test]
fn the_bootstrap_sees_a_difference_and_does_not_invent_one() {
    let bootstrap = Bootstrap {
        samples: 2000,
        ..Bootstrap::default()
    };
    let first: Vec<f32> = (0..400).map(|n| (n % 7) as f32 / 7.0).collect();
    let better: Vec<f32> = first.iter().map(|v| v + 0.1).collect();
    let found = bootstrap.compare(&first, &better).unwrap();
    assert!((found.mean - 0.1).abs() < 1e-6 && found.low > 0.09 && found.p < 0.002);
    let same = bootstrap.compare(&first, &first).unwrap();
    assert_eq!(
        (same.mean, same.low, same.high, same.p),
        (0.0, 0.0, 0.0, 1.0)
    );
    let noise: Vec<f32> = (0..400).map(|n| first[(n * 37 + 5) % 400]).collect();
    let found = bootstrap.compare(&first, &noise).unwrap();
    assert!(
        found.low < 0.0 && found.high > 0.0 && found.p > 0.1,
        "{found:?}"
    );
    assert_eq!(found, bootstrap.compare(&first, &noise).unwrap());
    assert!(bootstrap.compare(&first, &first[1..]).is_err());
}

/// `fixtures/trec.py` reads our own run and qrels files with pytrec_eval and ranx and keeps their figures.
mod trec_files {
    use super::*;
    use std::path::{Path, PathBuf};

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rank/fixtures")
    }

    /// 30 users, 25 items, scores without ties.
    fn ranking() -> (Split, Ranking) {
        let sequences: Vec<Vec<u32>> = (0..30u32)
            .map(|u| (0..5).map(|s| (u * 11 + s * 4) % 25).collect())
            .collect();
        let split = leave_one_out(&sequences, 25, 5);
        let rows = (0..30u32)
            .map(|u| {
                (0..25u32)
                    .map(move |i| ((u * 7 + i * 13 + i * i * u) % 101) as f32 + i as f32 / 64.0)
            })
            .map(Iterator::collect)
            .collect();
        let options = Options {
            lists: Some(25),
            ..Options::default()
        };
        let ranking = rank(&Given { rows }, &split, &split.test, &options).unwrap();
        (split, ranking)
    }

    #[test]
    fn other_tools_get_the_same_figures_from_our_files() {
        let folder = tempfile::tempdir().unwrap();
        let (_, ranking) = ranking();
        let run = folder.path().join("unseen.run");
        let lists = ranking.unseen.top.as_ref().unwrap();
        trec::write_run(&run, &ranking, lists, &trec::Numbers, "lapidary").unwrap();
        let qrels = folder.path().join("test.qrels");
        trec::write_qrels(&qrels, &ranking, &trec::Numbers).unwrap();
        for file in [&run, &qrels] {
            let kept = fixtures().join(file.file_name().unwrap());
            if std::env::var_os("LAPIDARY_WRITE_FIXTURES").is_some() {
                std::fs::copy(file, &kept).unwrap();
            }
            let read = |path: &Path| std::fs::read_to_string(path).unwrap();
            assert_eq!(
                read(file),
                read(&kept),
                "{} is stale: run trec.py again",
                kept.display()
            );
        }
        let figures = std::fs::read(fixtures().join("trec.json")).unwrap();
        let figures: serde_json::Value = serde_json::from_slice(&figures).unwrap();
        for tool in ["pytrec_eval", "ranx"] {
            for (name, values) in figures[tool].as_object().unwrap() {
                let ours = ranking.unseen.values(metric(name), 25);
                for (case, asked) in ranking.cases.iter().enumerate() {
                    let theirs = values[asked.user.to_string()].as_f64().unwrap();
                    let difference = (f64::from(ours[case]) - theirs).abs();
                    assert!(
                        difference < 1e-6,
                        "{tool} {name}, user {}: {difference}",
                        asked.user
                    );
                }
            }
        }
    }

    #[test]
    fn users_with_several_cases_have_several_queries() {
        let folder = tempfile::tempdir().unwrap();
        let (split, _) = ranking();
        let case = |end| Case { user: 3, end };
        let scorer = Given {
            rows: vec![vec![0.0; 25]; 30],
        };
        let ranking = rank(&scorer, &split, &[case(2), case(4)], &Options::default()).unwrap();
        let path = folder.path().join("q");
        trec::write_qrels(&path, &ranking, &trec::Numbers).unwrap();
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            "3:2 0 16 1\n3:4 0 24 1\n"
        );
        let none = TopLists::default();
        let run = folder.path().join("run");
        assert!(trec::write_run(&run, &ranking, &none, &trec::Numbers, "t").is_err());
    }

    #[test]
    fn names_never_break_the_columns() {
        struct Spaced;
        impl trec::Names for Spaced {
            fn user(&self, user: u32) -> Result<String> {
                Ok(format!("user {user}"))
            }
            fn item(&self, item: u32) -> Result<String> {
                Ok(format!("an\titem {item}"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let (_, ranking) = ranking();
        let path = folder.path().join("q");
        trec::write_qrels(&path, &ranking, &Spaced).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.lines().all(|l| l.split_whitespace().count() == 4));
        assert!(matches!(
            ranking.unseen.top.as_ref().unwrap().of(0).0.len(),
            20..=25
        ));
    }
}

#[test]
fn scores_of_another_type_are_refused() {
    struct Doubles;
    impl Scorer for Doubles {
        fn n_items(&self) -> i64 {
            40
        }
        fn scores(&self, queries: &[Query<'_>]) -> Result<Tensor> {
            let size = [queries.len() as i64, 40];
            Ok(Tensor::f_zeros(size, (Kind::Double, tch::Device::Cpu))?)
        }
    }
    let split = plain_split();
    let error = rank(&Doubles, &split, &split.test, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("f32 [B="), "{error}");
}
