//! Whatever stands in a source, an import ends with a data set or with an error.

use proptest::prelude::*;

use super::*;
use crate::data::import::{Columns, Format};

fn harmed(name: &str, bytes: &[u8], skip_bad: bool) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let spec = ImportSpec {
        skip_bad,
        ..of_folder(folder.path())
    };
    if let Ok((data, report)) = imported(&spec) {
        assert_eq!(plain(&data).len(), report.interactions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..300), name in 0usize..6, skip: bool, packed: bool
    ) {
        let names = ["ratings.dat", "u.data", "ratings.csv", "x.inter", "x.jsonl", "interactions.tsv"];
        let bytes = if packed { [&[0x1f, 0x8b, 8, 0][..], &bytes].concat() } else { bytes };
        harmed(names[name], &bytes, skip);
    }

    #[test]
    fn any_change_of_a_sound_file_is_survived(file in 0usize..7, at: prop::sample::Index, byte: u8, skip: bool) {
        let files = [
            "movielens-dat/ratings.dat", "movielens-data/u.data", "movielens-csv/ratings.csv", "recbole/films.inter",
            "amazon-2014/reviews_Films_5.json", "amazon-2023/Films.jsonl", "canonical/interactions.tsv",
        ];
        let path = fixtures(files[file]);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        harmed(path.file_name().unwrap().to_str().unwrap(), &bytes, skip);
    }
}

#[test]
fn changed_bytes_of_a_parquet_file_are_survived() {
    let sound = fs::read(fixtures("table/visits.parquet")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spec = ImportSpec {
        format: Format::Table,
        interactions: vec!["visits.parquet".into()],
        columns: Columns {
            user: Some("who".into()),
            item: Some("what".into()),
            time: Some("when".into()),
            ..Columns::default()
        },
        ..of_folder(folder.path())
    };
    let write = |bytes: &[u8]| fs::write(folder.path().join("visits.parquet"), bytes).unwrap();
    for at in (0..sound.len()).step_by(13) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x55;
        write(&bytes);
        drop(imported(&spec));
    }
    for len in [0, 4, 100, sound.len() - 1] {
        write(&sound[..len]);
        let error = imported(&spec).unwrap_err().to_string();
        assert!(
            error.contains("visits.parquet") && error.contains("Parquet"),
            "{error}"
        );
    }
}
