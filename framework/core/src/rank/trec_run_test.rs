#![allow(clippy::unwrap_used)]

use super::*;
use crate::rank::trec::Numbers;
use crate::rank::{Metric, Options, Ranking, rank};
use crate::train::tests::support::leave_one_out;

/// Three users, six items; the targets are 3, 4 and 5.
fn split() -> Split {
    leave_one_out(
        &[vec![0, 1, 2, 3], vec![1, 2, 3, 4], vec![2, 3, 4, 5]],
        6,
        5,
    )
}

fn read(text: impl AsRef<[u8]>) -> Result<TrecRun> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.v2.run");
    std::fs::write(&path, text).unwrap();
    TrecRun::read(&path, &split(), &Numbers)
}

fn ranked(text: &str, unlisted: f32) -> Result<Ranking> {
    let (split, options) = (split(), Options::default());
    let run = read(text)?;
    let scorer = run.of_cases(&split.test, &Numbers, unlisted)?;
    rank(&scorer, &split, &split.test, &options)
}

const RUN: &str = "0 Q0 5 9 0.25 t\n0 Q0 3 9 1e3 t\n1\tQ0 5 1 -1 t\r\n0 Q0 4 1 0.25 t\n2 Q0 0 1 7 t\n2 Q0 5 2 7 t\n";

#[test]
fn scores_order_the_lists_and_the_rest_ties_behind_them() {
    let found = ranked(RUN, f32::NEG_INFINITY).unwrap();
    assert_eq!(found.all.greater, [0, 1, 0]);
    assert_eq!(found.all.ties, [0, 4, 1]);
    assert_eq!(found.unseen.greater, [0, 1, 0]);
    assert_eq!(found.unseen.ties, [0, 1, 1], "without what users have");
    let recall: Metric = "recall@2".parse().unwrap();
    assert_eq!(found.unseen.values(recall, 6), [1.0, 0.5, 1.0]);
    let lowest = ranked(RUN, f32::MIN).unwrap();
    assert_eq!(
        (lowest.all.greater, lowest.all.ties),
        (found.all.greater, found.all.ties)
    );
}

#[test]
fn a_file_is_named_by_its_stem_and_its_content() {
    let run = read(RUN).unwrap();
    assert_eq!(run.name(), "other.v2");
    assert_eq!(*run.content(), Fingerprint::of_bytes(RUN.as_bytes()));
}

#[test]
fn users_with_several_cases_have_several_lists() {
    let run = read("1:2 Q0 0 1 2 t\n1:3 Q0 5 1 2 t\n").unwrap();
    let cases = [2, 3].map(|end| Case { user: 1, end });
    let scorer = run.of_cases(&cases, &Numbers, f32::NEG_INFINITY).unwrap();
    let (split, options) = (
        split(),
        Options {
            lists: Some(3),
            ..Options::default()
        },
    );
    let lists = rank(&scorer, &split, &cases, &options)
        .unwrap()
        .all
        .top
        .unwrap();
    assert_eq!((lists.of(0).0, lists.of(1).0), (&[0][..], &[5][..]));
    assert!(run.of_cases(&split.test, &Numbers, 0.0).is_err());
    let query = Query {
        user: Some(0),
        history: &[1, 2],
    };
    assert!(scorer.scores(&[query]).is_err());
}

#[test]
fn broken_files_are_told_with_their_lines() {
    let good = "0 Q0 3 1 0.5 t\n";
    for (text, expected) in [
        ("", "other.v2.run: is empty; each line has six fields"),
        (
            "0 Q0 3 1 0.5\n",
            "run:1: has 5 fields; each line has six fields, `query Q0 item rank score tag`",
        ),
        ("0 Q0 3 1 0.5 t u\n", "run:1: has 7 fields"),
        // Lines without text are passed over.
        ("\n", "is empty"),
        (
            "0 Q0 4 1 high t\n",
            "run:1: the score `high` is no finite number",
        ),
        (
            "0 Q0 4 1 NaN t\n",
            "run:1: the score `NaN` is no finite number",
        ),
        (
            "0 Q0 4 1 1e99 t\n",
            "run:1: the score `1e99` is no finite number",
        ),
        (
            "anna Q0 4 1 1 t\n",
            "run:1: unknown user `anna`; the data set's are named like `0`",
        ),
        (
            "20 Q0 4 1 1 t\n",
            "run:1: unknown user `20`; did you mean `2`, `0`?",
        ),
        (
            "20:3 Q0 4 1 1 t\n",
            "run:1: unknown user `20`; did you mean `2`, `0`?",
        ),
        ("0:x Q0 4 1 1 t\n", "run:1: unknown user `0:x`"),
        (
            "0 Q0 44 1 1 t\n",
            "run:1: unknown item `44`; did you mean `4`",
        ),
    ] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text:?}: {message}");
        let message = read(format!("{good}{text}"));
        let line = expected.replace("run:1", "run:2");
        match text {
            "" | "\n" => drop(message.unwrap()),
            _ => assert!(message.unwrap_err().to_string().contains(&line), "{line}"),
        }
    }
    let message = read(format!("{good}1 Q0 3 1 2 t\n{good}"))
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("run:3: item `3` is listed twice for query `0`"),
        "{message}"
    );
    let message = read(b"\x1f\x8b\xff\n").unwrap_err().to_string();
    assert!(message.contains("run:1: is no text"), "{message}");
}

#[test]
fn a_case_without_a_list_is_an_error() {
    let message = ranked("1 Q0 3 1 0.5 t\n", f32::NEG_INFINITY)
        .unwrap_err()
        .to_string();
    let expected = "has no list for 2 of the 3 cases, such as query `0`";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn names_that_become_one_are_refused() {
    struct Spaced;
    impl Names for Spaced {
        fn user(&self, user: u32) -> Result<String> {
            Ok(user.to_string())
        }
        fn item(&self, item: u32) -> Result<String> {
            Ok(["a b", "a_b", "c", "d", "e", "f"][item as usize].to_owned())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    std::fs::write(&path, RUN).unwrap();
    let message = TrecRun::read(&path, &split(), &Spaced)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("two items of the data set are both `a_b`"),
        "{message}"
    );
}
