//! Real data sets: the committed one, and those beside the checkout where they are.

use super::*;
use crate::data::load_toml;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn counts(name: &str) -> Option<(usize, usize, usize)> {
    let path = root().join("configs/datasets").join(name);
    let spec = ImportSpec::from_toml(&path).unwrap();
    if !spec.path.as_ref().unwrap().exists() {
        let error = imported(&spec).unwrap_err().to_string();
        assert!(
            error.contains("is not there, ") && error.contains("; get "),
            "{error}"
        );
        println!("skipped: {error}");
        return None;
    }
    let cache = tempfile::tempdir().unwrap();
    let data = load_toml(&path, cache.path()).unwrap();
    Some((data.users(), data.items(), data.interactions()))
}

#[test]
fn the_committed_data_set_is_whole() {
    assert_eq!(counts("movietweetings.toml"), Some((4333, 2414, 68_055)));
    let folder = root().join("configs/datasets/movietweetings");
    let size: u64 = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().metadata().unwrap().len())
        .sum();
    assert!(size <= 1_000_000, "{size} bytes");
    let (data, report) = imported(&of_folder(&folder)).unwrap();
    assert_eq!(report.items_with_text, 2414);
    let pulp = data.item(data.find_item("0110912").unwrap()).unwrap();
    assert_eq!((pulp.name(), pulp.year), ("Pulp Fiction", Some(1994)));
}

#[test]
fn the_committed_data_set_is_the_five_core_of_its_origin() {
    let Some(counted) = counts("movietweetings-100k.toml") else {
        return;
    };
    assert_eq!(counted, (4333, 2414, 68_055));
    let origin =
        ImportSpec::from_toml(&root().join("configs/datasets/movietweetings-100k.toml")).unwrap();
    let (origin, _) = imported(&origin).unwrap();
    let (committed, _) =
        imported(&of_folder(root().join("configs/datasets/movietweetings"))).unwrap();
    assert_eq!(origin.fingerprint(), committed.fingerprint());
}

#[test]
fn data_sets_beside_the_checkout_have_their_published_counts() {
    for (name, expected) in [
        ("ml-100k.toml", (943, 1682, 100_000)),
        ("ml-1m.toml", (6040, 3616, 999_930)),
        ("ml-1m-sasrec.toml", (6040, 3416, 999_611)),
        ("amazon-movies.toml", (2579, 3107, 57_019)),
        ("amazon-clothing.toml", (39_230, 22_948, 277_534)),
        ("amazon-games.toml", (50_597, 16_874, 453_637)),
        ("steam.toml", (10_369, 3593, 126_824)),
    ] {
        if let Some(found) = counts(name) {
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn the_file_of_the_sasrec_authors_is_split_in_its_own_order() {
    let path = root().join("configs/datasets/ml-1m-sasrec.toml");
    if counts("ml-1m-sasrec.toml").is_none() {
        return;
    }
    let (data, _) = imported(&ImportSpec::from_toml(&path).unwrap()).unwrap();
    let split = crate::data::leave_one_out(&data, &crate::data::LeaveOneOut::default()).unwrap();
    assert_eq!((split.valid.len(), split.test.len()), (6040, 6040));
    let source = root().join("../shared/data/ml-1m-sasrec/ml-1m.txt.gz");
    let mut text = String::new();
    let file = flate2::read::GzDecoder::new(fs::File::open(source).unwrap());
    std::io::Read::read_to_string(&mut { file }, &mut text).unwrap();
    let mut last = std::collections::HashMap::new();
    for line in text.lines() {
        let (user, item) = line.split_once(' ').unwrap();
        last.insert(user, item);
    }
    for &case in &split.test {
        let target = data.item_id(split.target(case)).unwrap();
        assert_eq!(target, last[data.user_id(case.user).unwrap().as_str()]);
    }
}

#[test]
fn origins_in_other_formats_agree_with_the_canonical_form() {
    let shared = root().join("../shared/data");
    if !shared.exists() {
        println!("skipped: {} is not there", shared.display());
        return;
    }
    for (raw, canonical) in [
        ("raw/ml-100k-recbole", "ml-100k"),
        ("raw/movietweetings-100k", "movietweetings-100k"),
    ] {
        let sorted = |path: &str| {
            let (data, report) = imported(&of_folder(shared.join(path))).unwrap();
            let mut rows: Vec<_> = plain(&data)
                .into_iter()
                .map(|r| (r.0, r.1, r.2.map(f32::to_bits), r.3))
                .collect();
            rows.sort();
            let titles: usize = report.items_with_text;
            (rows, titles)
        };
        assert!(sorted(raw) == sorted(canonical), "{raw}");
    }
}
