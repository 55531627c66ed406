//! Bad input is refused or counted, with file, line and reason.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::data::import::Format;
use crate::error::Error;

fn refused(rows: &str) -> String {
    imported(&of_folder(source(rows).path()))
        .unwrap_err()
        .to_string()
}

fn raw(name: &str, bytes: &[u8]) -> (TempDir, Result<(Dataset, ImportReport)>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), bytes).unwrap();
    let outcome = imported(&of_folder(folder.path()));
    (folder, outcome)
}

#[test]
fn a_bad_line_ends_the_import_with_its_place() {
    for (rows, says) in [
        (
            "u\ti\t5\t10\nu\tj\tfive\t11\n",
            "interactions.tsv:3: the rating is not a number: `five`",
        ),
        (
            "u\ti\t5\tsoon\n",
            "interactions.tsv:2: the time is not a number: `soon`",
        ),
        ("u\ti\t5\t\n", "interactions.tsv:2: the time is missing"),
        (
            "u\ti\n",
            "interactions.tsv:2: the line has 2 fields, the header 4",
        ),
        (
            "\ti\t5\t10\n",
            "interactions.tsv:2: the user's identifier is missing",
        ),
        (
            "u\t \t5\t10\n",
            "interactions.tsv:2: the item's identifier is missing",
        ),
        (
            "\n\r\nu\ti\t5\t99999999999999\n",
            "interactions.tsv:4: the time is past the year 9999",
        ),
    ] {
        let message = refused(rows);
        assert!(message.contains(says), "{message}");
        assert!(message.contains("skip_bad"), "{message}");
    }
}

#[test]
fn lines_of_csv_are_counted_with_the_empty_ones_and_those_in_quotes() {
    let text = "userId,movieId,rating,timestamp\n\n\"a\nb\",1,2,3\r\n\n\nu,1,x,3\n\"open,1,2,3\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ratings.csv");
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        imported(&of_folder(folder.path())).unwrap_err().to_string()
    };
    let error = refused(text);
    assert!(
        error.contains("ratings.csv:3: the user's identifier holds a line break"),
        "{error}"
    );
    let error = refused(&text.replace("a\nb", "a b"));
    assert!(
        error.contains("ratings.csv:6: the rating is not a number: `x`"),
        "{error}"
    );
    let error = refused(&text.replace("a\nb", "a b").replace("x", "5"));
    assert!(
        error.contains("ratings.csv:7: a quote is opened and not closed"),
        "{error}"
    );
}

#[test]
fn an_open_quote_is_a_bad_line_and_the_lines_after_it_are_read() {
    let mut text =
        "userId,movieId,rating,timestamp\nu,1,2,3\n\"open,1,2,3\r\n\nu,2,2,4\n".to_owned();
    (0..100_000).for_each(|n| text += &format!("v,{n},2,{n}\n"));
    text += "\"last,1,2,3";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ratings.csv"), text).unwrap();
    let spec = ImportSpec {
        skip_bad: true,
        ..of_folder(folder.path())
    };
    let (data, report) = imported(&spec).unwrap();
    assert_eq!(data.interactions(), 100_002);
    let bad = &report.bad[..];
    assert_eq!((bad.len(), bad[0].count), (1, 2), "{bad:?}");
    assert_eq!(bad[0].reason, "a quote is opened and not closed");
    let places: Vec<_> = bad[0]
        .first
        .iter()
        .map(|p| p.rsplit(':').next().unwrap())
        .collect();
    assert_eq!(places, ["3", "100006"]);
}

#[test]
fn bad_lines_are_counted_when_told() {
    let rows = "u\ti\t5\t10\nu\ti\tx\t1\nu\tj\ty\t1\nu\tj\n\tj\t1\t1\nu\tk\t4\t12\nu\tk\tz\t1\nu\tk\tw\t1\n";
    let folder = source(rows);
    let (data, report) = imported(&ImportSpec {
        skip_bad: true,
        ..of_folder(folder.path())
    })
    .unwrap();
    assert_eq!((data.interactions(), report.read), (2, 2));
    let counts: Vec<_> = report
        .bad
        .iter()
        .map(|b| (b.reason.as_str(), b.count, b.first.len()))
        .collect();
    assert_eq!(
        counts,
        [
            ("the rating is not a number", 4, 3),
            ("the line has 2 fields, the header 4", 1, 1),
            ("the user's identifier is missing", 1, 1)
        ]
    );
    assert!(
        report.bad[0].first[0].ends_with("interactions.tsv:3"),
        "{:?}",
        report.bad
    );
    assert!(
        report
            .to_string()
            .contains("4 bad lines: the rating is not a number"),
        "{report}"
    );
}

#[test]
fn text_that_is_not_utf8_is_a_bad_line() {
    let rows = b"user_id\titem_id\trating\ttimestamp\nu\tcaf\xe9\t5\t10\n";
    let error = raw("interactions.tsv", rows).1.unwrap_err().to_string();
    assert!(
        error.contains("interactions.tsv:2: the text is not UTF-8"),
        "{error}"
    );
}

#[test]
fn byte_order_marks_and_line_ends_of_other_systems_are_fine() {
    let rows = b"\xef\xbb\xbfuser_id\titem_id\trating\ttimestamp\r\nu\ti\t5\t10\r\nu\tj\t\t11";
    let (data, _) = raw("interactions.tsv", rows).1.unwrap();
    let row = |i: &str, r, t| ("u".to_owned(), i.to_owned(), r, Some(t));
    assert_eq!(plain(&data), [row("i", Some(5.0), 10), row("j", None, 11)]);
    let csv = b"\xef\xbb\xbfuserId,movieId,rating,timestamp\r\n1,2,3,4\r\n";
    assert_eq!(raw("ratings.csv", csv).1.unwrap().0.interactions(), 1);
}

#[test]
fn empty_sources_are_refused() {
    for (name, bytes, says) in [
        ("interactions.tsv", &b""[..], "is empty; a header is needed"),
        (
            "interactions.tsv",
            b"user_id\titem_id\trating\ttimestamp\n",
            "holds no interaction",
        ),
        ("ratings.dat", b"", "is empty"),
        ("u.data", b"\n\n", "is empty"),
        ("films.inter", b"", "is empty; a header is needed"),
        ("reviews.json", b"", "holds no interaction"),
    ] {
        let error = raw(name, bytes).1.unwrap_err().to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn wrong_headers_are_refused_with_near_names() {
    for (name, text, says) in [
        (
            "interactions.tsv",
            "user\titem_id\trating\ttimestamp\n",
            "no column `user_id`; did you mean",
        ),
        (
            "interactions.tsv",
            "user_id\titem_id\titem_id\n",
            "names the column `item_id` twice",
        ),
        (
            "ratings.csv",
            "user,movieId,rating,timestamp\n",
            "no column `userId`",
        ),
        ("films.inter", "user_id\titem_id\n", "`user_id` has no type"),
        (
            "films.inter",
            "uid:token\titem_id:token\n",
            "no column `user_id`",
        ),
    ] {
        let error = raw(name, text.as_bytes()).1.unwrap_err().to_string();
        assert!(
            error.contains(&format!("{name}:1: ")) && error.contains(says),
            "{error}"
        );
    }
}

#[test]
fn gzip_is_read_and_a_cut_or_damaged_file_refused() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    writeln!(packed, "user_id\titem_id\trating\ttimestamp").unwrap();
    for n in 0..5000 {
        writeln!(
            packed,
            "u{}\ti{}\t{}\t{n}",
            n * 7919 % 977,
            n * 104_729 % 1009,
            n % 5
        )
        .unwrap();
    }
    let packed = packed.finish().unwrap();
    assert_eq!(
        raw("interactions.tsv.gz", &packed)
            .1
            .unwrap()
            .0
            .interactions(),
        5000
    );
    for cut in [packed.len() - 3, packed.len() / 2, 12] {
        let error = raw("interactions.tsv.gz", &packed[..cut])
            .1
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ends too early") && error.contains("interactions.tsv.gz:"),
            "{cut}: {error}"
        );
    }
    let mut harmed = packed.clone();
    let middle = harmed.len() / 2;
    harmed[middle..middle + 40].fill(0xff);
    let error = raw("interactions.tsv.gz", &harmed).1.unwrap_err();
    assert!(matches!(error, Error::Data { .. }), "{error}");
}

#[test]
fn archives_and_other_encodings_are_named() {
    for (bytes, says) in [
        (&b"PK\x03\x04rest"[..], "zip archive"),
        (b"\xff\xfeu\0s\0", "UTF-16"),
        (b"PAR1", "Parquet"),
    ] {
        let error = raw("ratings.dat", bytes).1.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn reviews_that_are_none_are_refused() {
    for (line, says) in [
        (
            "{\"asin\": \"a\", \"unixReviewTime\": 1}",
            "`reviewerID` or `user_id` is missing",
        ),
        (
            "{\"user_id\": \"u\", \"timestamp\": 1000}",
            "`asin` or `parent_asin` is missing",
        ),
        (
            "{\"user_id\": \"u\", \"asin\": \"a\"}",
            "`unixReviewTime` or `timestamp` is missing",
        ),
        ("{\"user_id\": \"u\", \"asin\": ", "no review in JSON"),
        ("{\"user_id\": 7, \"asin\": \"a\"}", "no review in JSON"),
        ("{'reviewerID': 'u", "no closing quote"),
    ] {
        let error = raw("reviews.json", line.as_bytes())
            .1
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("reviews.json:1: ") && error.contains(says),
            "{error}"
        );
    }
}

#[test]
fn items_without_text_and_text_without_items_are_fine() {
    let folder = source("u\ti\t5\t10\nu\tj\t5\t11\n");
    let text = "{\"item_id\": \"j\", \"title\": \"J\", \"year\": \"c. 1900\"}\n{\"item_id\": \"z\", \"title\": \"Z\"}\n";
    fs::write(folder.path().join("items.jsonl"), text).unwrap();
    let (data, report) = imported(&of_folder(folder.path())).unwrap();
    assert_eq!(report.items_with_text, 1);
    assert_eq!(data.item(0).unwrap(), crate::data::ItemText::unknown("i"));
    assert_eq!(data.item(0).unwrap().name(), "i");
    let j = data.item(1).unwrap();
    assert_eq!(
        (j.name(), j.year, &j.fields["year"]),
        ("J", None, &serde_json::json!("c. 1900"))
    );
    fs::write(folder.path().join("items.jsonl"), "{\"title\": \"J\"}\n").unwrap();
    let error = imported(&of_folder(folder.path())).unwrap_err().to_string();
    assert!(
        error.contains("items.jsonl:1: the item's identifier `item_id` is missing"),
        "{error}"
    );
}

#[test]
fn sources_that_are_not_there_say_where_to_get_them() {
    let spec = ImportSpec {
        obtain: "get it from a friend".to_owned(),
        ..of_folder("/nowhere/at/all")
    };
    let error = imported(&spec).unwrap_err().to_string();
    assert!(
        error.starts_with("/nowhere/at/all: is not there, which `path` "),
        "{error}"
    );
    assert!(error.ends_with("; get it from a friend"), "{error}");
}

#[test]
fn formats_that_cannot_be_told_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = imported(&of_folder(folder.path())).unwrap_err().to_string();
    assert!(
        error.contains("holds none of: interactions.tsv, ratings.dat"),
        "{error}"
    );
    let spec = ImportSpec {
        format: Format::Recbole,
        ..of_folder(folder.path())
    };
    assert!(
        imported(&spec)
            .unwrap_err()
            .to_string()
            .contains("holds no single .inter file")
    );
    fs::write(folder.path().join("ratings.dat"), "1::2::3::4\n").unwrap();
    fs::write(
        folder.path().join("x.inter"),
        "user_id:token\titem_id:token\n",
    )
    .unwrap();
    let error = imported(&of_folder(folder.path())).unwrap_err().to_string();
    assert!(
        error.contains("fits the formats movielens and recbole"),
        "{error}"
    );
    fs::write(folder.path().join("odd.txt"), "what is this\n").unwrap();
    let error = imported(&of_folder(folder.path().join("odd.txt")))
        .unwrap_err()
        .to_string();
    assert!(error.contains("the format cannot be told"), "{error}");
    let error = Format::parse("movielnes").unwrap_err().to_string();
    assert_eq!(
        error,
        "unknown format `movielnes`; did you mean `movielens`?"
    );
}

#[test]
fn a_refused_import_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("data");
    import(&of_folder(fixtures("canonical")), &into).unwrap();
    import(&of_folder(source("u\ti\tx\t1\n").path()), &into).unwrap_err();
    assert_eq!(Dataset::open(&into).unwrap().interactions(), 6);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
