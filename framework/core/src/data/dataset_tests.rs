#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use super::store::{ITEMS, MANIFEST, OFFSETS, TEXT, TIMES, USER_IDS};
use super::*;
use crate::error::Error;

fn contents() -> Contents {
    let title = |id: &str, title: &str| ItemText {
        title: Some(title.to_owned()),
        ..ItemText::unknown(id)
    };
    let mut gem = title("b", "Fantômas");
    gem.year = Some(1913);
    gem.categories = vec!["Crime".to_owned(), "Drama".to_owned()];
    gem.fields
        .insert("studio".to_owned(), serde_json::json!(["Gaumont", 1]));
    Contents {
        name: "three".to_owned(),
        users: vec!["ann".to_owned(), "böb".to_owned()],
        items: vec![title("a", "A\nB"), gem, ItemText::unknown("c")],
        offsets: vec![0, 3, 4],
        interactions: vec![0, 1, 2, 1],
        times: Some(vec![5, 6, 6, -3]),
        ratings: Some(vec![4.5, f32::NAN, 1.0, 2.0]),
    }
}

fn stored(folder: &Path) -> Dataset {
    Dataset::create(&folder.join("three"), &contents()).unwrap()
}

#[test]
fn what_was_stored_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = stored(folder.path());
    assert_eq!((data.users(), data.items(), data.interactions()), (2, 3, 4));
    assert_eq!(
        (data.user_id(1).unwrap(), data.item_id(2).unwrap()),
        ("böb".to_owned(), "c".to_owned())
    );
    assert_eq!(
        (data.find_user("böb").unwrap(), data.find_item("b").unwrap()),
        (1, 1)
    );
    for (number, item) in contents().items.iter().enumerate() {
        assert_eq!(&data.item(number as u32).unwrap(), item);
    }
    let ann = data.user(0).unwrap();
    assert_eq!((ann.items, ann.times), (vec![0, 1, 2], Some(vec![5, 6, 6])));
    assert!(ann.ratings.unwrap()[1].is_nan());
    assert_eq!(data.item_column().size(), [4]);
    for error in [
        data.user(2).err(),
        data.item(3).err(),
        data.user_id(9).err(),
        data.find_item("z").err(),
    ] {
        assert!(matches!(error, Some(Error::Setting { .. })), "{error:?}");
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing temporary stays"
    );
}

#[test]
fn the_summary_counts() {
    let folder = tempfile::tempdir().unwrap();
    let summary = stored(folder.path()).summary().unwrap();
    assert_eq!((summary.mean_length, summary.median_length), (2.0, 2.0));
    assert_eq!((summary.min_length, summary.max_length), (1, 3));
    assert_eq!(
        (summary.first, summary.last, summary.tied),
        (Some(-3), Some(6), Some(0.5))
    );
    assert_eq!((summary.rated, summary.with_text), (0.75, 2.0 / 3.0));
    assert_eq!(summary.density, 4.0 / 6.0);
    assert!(
        summary.to_string().contains("1969-12-31 to 1970-01-01"),
        "{summary}"
    );
}

#[test]
fn the_fingerprint_is_of_the_contents() {
    let folder = tempfile::tempdir().unwrap();
    let first = stored(folder.path()).fingerprint().clone();
    let mut other = contents();
    other.name = "another name".to_owned();
    let again = Dataset::create(&folder.path().join("again"), &other).unwrap();
    assert_eq!(&first, again.fingerprint());
    other.interactions[3] = 2;
    let changed = Dataset::create(&folder.path().join("again"), &other).unwrap();
    assert_ne!(&first, changed.fingerprint());
}

#[test]
fn damage_is_noticed() {
    for name in [OFFSETS, ITEMS, TIMES, USER_IDS, TEXT] {
        for harm in ["cut", "changed", "longer", "gone"] {
            let folder = tempfile::tempdir().unwrap();
            let path = stored(folder.path()).folder().join(name);
            let mut bytes = fs::read(&path).unwrap();
            match harm {
                "cut" => bytes.truncate(bytes.len() - 1),
                "changed" => bytes[0] ^= 1,
                _ => bytes.push(b'\n'),
            }
            match harm {
                "gone" => fs::remove_file(&path).unwrap(),
                _ => fs::write(&path, bytes).unwrap(),
            }
            let error = Dataset::open(&folder.path().join("three")).unwrap_err();
            assert!(
                matches!(error, Error::Damaged { .. }),
                "{name} {harm}: {error}"
            );
        }
    }
}

#[test]
fn a_manifest_that_cannot_be_used_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = stored(folder.path()).folder().join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap();
    for (changed, says) in [
        (
            text.replace("\"version\": 1", "\"version\": 99"),
            "layout version 99",
        ),
        (text.replace("\"users\": 2", "\"users\": 7"), "are needed"),
        (
            text.replace(OFFSETS, "offset"),
            "does not mention `offsets.i64`",
        ),
        (text[..text.len() / 2].to_owned(), "EOF"),
        (String::new(), "EOF"),
    ] {
        fs::write(&path, changed).unwrap();
        let error = Dataset::open(&folder.path().join("three")).unwrap_err();
        assert!(
            matches!(error, Error::Damaged { .. }) && error.to_string().contains(says),
            "{error}"
        );
    }
    assert!(matches!(
        Dataset::open(&folder.path().join("none")),
        Err(Error::Io { .. })
    ));
}

#[test]
fn contents_that_do_not_fit_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut Contents), says: &str| {
        let mut contents = contents();
        change(&mut contents);
        let error = Dataset::create(&folder.path().join("x"), &contents)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error}");
        assert!(!folder.path().join("x").exists());
    };
    refused(&|c| c.interactions[0] = 3, "item number 3 is past the last");
    refused(&|c| c.offsets[1] = 5, "do not cut");
    refused(&|c| c.times = Some(vec![1]), "one value for each");
    refused(&|c| c.users[0] = "a\nb".to_owned(), "line break");
    refused(
        &|c| {
            *c = Contents {
                offsets: vec![0],
                ..Contents::default()
            }
        },
        "holds no interaction",
    );
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("thesis.txt"), "x").unwrap();
    let error = Dataset::create(&mine, &contents()).unwrap_err().to_string();
    assert!(error.contains("choose another folder"), "{error}");
    assert_eq!(fs::read_dir(&mine).unwrap().count(), 1);
}

#[test]
fn writers_at_the_same_time_leave_a_whole_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("three");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| store::store(&into, &contents()).unwrap()));
        }
    });
    assert_eq!(Dataset::open(&into).unwrap().interactions(), 4);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
