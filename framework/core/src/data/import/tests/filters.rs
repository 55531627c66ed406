//! Filters: what is kept, and that the k-core is one.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::data::date::Moment;
use crate::data::import::{Duplicates, Filters};

fn filtered(rows: &str, filters: Filters) -> Result<(Dataset, ImportReport)> {
    let folder = source(rows);
    imported(&ImportSpec {
        filters,
        ..of_folder(folder.path())
    })
}

fn short(data: &Dataset) -> Vec<String> {
    plain(data)
        .iter()
        .map(|r| format!("{}{}@{}", r.0, r.1, r.3.unwrap()))
        .collect()
}

const ROWS: &str = "u\ti\t5\t10\nu\tj\t\t20\nv\ti\t2\t30\nu\ti\t3\t5\nv\tk\t4\t40\n";

#[test]
fn ratings_below_the_least_and_unknown_ones_are_dropped() {
    let (data, report) = filtered(
        ROWS,
        Filters {
            min_rating: Some(3.0),
            ..Filters::default()
        },
    )
    .unwrap();
    assert_eq!(short(&data), ["ui@5", "ui@10", "vk@40"]);
    assert_eq!(
        (
            report.dropped.below_min_rating,
            report.dropped.without_rating
        ),
        (1, 1)
    );
    assert_eq!(report.read, 5);
}

#[test]
fn dates_keep_from_and_drop_until() {
    let filters = Filters {
        from: Some(Moment(10)),
        until: Some(Moment(40)),
        ..Filters::default()
    };
    let (data, report) = filtered(ROWS, filters).unwrap();
    assert_eq!(short(&data), ["ui@10", "uj@20", "vi@30"]);
    assert_eq!(report.dropped.outside_dates, 2);
}

#[test]
fn duplicates_keep_the_oldest_or_the_newest() {
    let of = |duplicates| {
        let (data, report) = filtered(
            ROWS,
            Filters {
                duplicates,
                ..Filters::default()
            },
        )
        .unwrap();
        (short(&data).join(" "), report.dropped.duplicates)
    };
    assert_eq!(
        of(Duplicates::Keep),
        ("ui@5 ui@10 uj@20 vi@30 vk@40".to_owned(), 0)
    );
    assert_eq!(
        of(Duplicates::First),
        ("ui@5 uj@20 vi@30 vk@40".to_owned(), 1)
    );
    assert_eq!(
        of(Duplicates::Last),
        ("ui@10 uj@20 vi@30 vk@40".to_owned(), 1)
    );
}

#[test]
fn filters_that_leave_nothing_say_why() {
    let error = filtered(
        ROWS,
        Filters {
            k_core: Some(9),
            min_rating: Some(4.0),
            ..Filters::default()
        },
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("none of 5 interactions"), "{error}");
    for part in [
        "2 below min_rating",
        "1 without a rating",
        "2 outside the k-core",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn dates_need_times() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("untimed.tsv", "user_id\titem_id\nu\ti\n");
    write("timed.tsv", "user_id\titem_id\ttimestamp\nu\tj\t20\n");
    let refused = |files: &[&str], from, until| {
        let filters = Filters {
            from: Some(Moment(from)),
            until: Some(Moment(until)),
            ..Filters::default()
        };
        let spec = ImportSpec {
            filters,
            interactions: files.iter().map(PathBuf::from).collect(),
            ..of_folder(folder.path())
        };
        imported(&spec).unwrap_err().to_string()
    };
    // Whether 1970 is within the dates or not.
    for from in [-1, 10] {
        let error = refused(&["untimed.tsv"], from, 30);
        assert!(error.contains("`from` and `until` need times"), "{error}");
        let error = refused(&["timed.tsv", "untimed.tsv"], from, 30);
        assert!(error.contains("and some have none"), "{error}");
    }
}

/// The largest part in which every user and item has k interactions, by peeling one vertex at a time.
fn core_by_hand(rows: &[(u8, u8)], k: usize) -> Vec<(u8, u8)> {
    let mut rows = rows.to_vec();
    loop {
        let mut degree: HashMap<(bool, u8), usize> = HashMap::new();
        for (user, item) in &rows {
            *degree.entry((true, *user)).or_default() += 1;
            *degree.entry((false, *item)).or_default() += 1;
        }
        let Some((poor, _)) = degree.into_iter().find(|(_, n)| *n < k) else {
            return rows;
        };
        rows.retain(|(user, item)| (true, *user) != poor && (false, *item) != poor);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_k_core_is_the_largest_one(rows in prop::collection::vec((0u8..12, 0u8..9), 1..70), k in 1u32..5) {
        let text: String = rows.iter().enumerate().map(|(t, (u, i))| format!("u{u}\ti{i}\t\t{t}\n")).collect();
        let mut expected: Vec<String> =
            core_by_hand(&rows, k as usize).iter().map(|(u, i)| format!("u{u} i{i}")).collect();
        expected.sort();
        match filtered(&text, Filters { k_core: Some(k), ..Filters::default() }) {
            Ok((data, report)) => {
                let mut kept: Vec<String> = plain(&data).iter().map(|r| format!("{} {}", r.0, r.1)).collect();
                kept.sort();
                prop_assert_eq!(kept, expected);
                prop_assert_eq!(report.dropped.k_core as usize, rows.len() - data.interactions());
                let users: HashSet<_> = plain(&data).iter().map(|r| r.0.clone()).collect();
                prop_assert_eq!(users.len(), data.users());
            }
            Err(_) => prop_assert!(expected.is_empty()),
        }
    }
}
