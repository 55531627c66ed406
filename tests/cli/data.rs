//! `data import` and `data info`.

use super::*;

const SPEC: &str = "
name = \"tiny\"
format = \"table\"
interactions = \"rows.tsv\"
[columns]
user = \"user\"
item = \"item\"
time = \"time\"
";

fn source(rows: &str) -> TempDir {
    let at = folder();
    fs::write(at.path().join("tiny.toml"), SPEC).unwrap();
    fs::write(
        at.path().join("rows.tsv"),
        format!("user\titem\ttime\n{rows}"),
    )
    .unwrap();
    at
}

const ROWS: &str = "a\tx\t10\na\ty\t20\nb\tx\t30\nb\tz\t30\n";

#[test]
fn a_data_set_is_imported_and_shown() {
    let at = source(ROWS);
    let import = run(&at, &["data", "import", "tiny.toml", "--into", "stored"]).code(0);
    assert!(
        stdout(&import).contains("4 interactions"),
        "{}",
        stdout(&import)
    );
    let info = json_of(&at, &["data", "info", "stored", "--json"]);
    let expected = [
        "format",
        "folder",
        "fingerprint",
        "name",
        "users",
        "items",
        "interactions",
        "density",
        "mean_length",
        "median_length",
        "min_length",
        "max_length",
        "first",
        "last",
        "tied",
        "rated",
        "with_text",
    ];
    assert_eq!(keys(&info), expected);
    assert_eq!(
        (&info["users"], &info["items"], &info["interactions"]),
        (&2.into(), &3.into(), &4.into())
    );
    assert_eq!((&info["first"], &info["last"]), (&10.into(), &30.into()));
    assert_eq!(info["tied"], 0.5);
    assert_eq!(info["fingerprint"].as_str().unwrap().len(), 64);
    let plain = stdout(&run(&at, &["data", "info", "stored"]).code(0));
    assert!(plain.contains("users         2"), "{plain}");
}

#[test]
fn without_into_it_is_stored_where_scripts_find_it() {
    let at = source(ROWS);
    let first = stdout(&run(&at, &["data", "import", "tiny.toml"]).code(0));
    assert!(first.contains(".lapidary/datasets/tiny-"), "{first}");
    let again = stdout(&run(&at, &["data", "import", "tiny.toml"]).code(0));
    assert!(again.contains("imported before"), "{again}");
    let info = json_of(&at, &["data", "info", "tiny.toml", "--json"]);
    assert_eq!(info["interactions"], 4);
    assert_eq!(
        fs::read_dir(at.path().join(".lapidary/datasets"))
            .unwrap()
            .filter(|e| e
                .as_ref()
                .unwrap()
                .file_name()
                .to_str()
                .unwrap()
                .starts_with("tiny-"))
            .count(),
        1
    );
}

#[test]
fn a_bad_line_fails_the_import_or_is_counted() {
    let at = source(&format!("{ROWS}c\tx\tnoon\n"));
    refused(&at, &["data", "import", "tiny.toml"], 1, &["rows.tsv:6"]);
    let import = stdout(&run(&at, &["data", "import", "tiny.toml", "--skip-bad"]).code(0));
    assert!(import.contains("1 bad line"), "{import}");
}

#[test]
fn a_wrong_description_names_file_line_and_the_nearest_key() {
    let at = source(ROWS);
    fs::write(
        at.path().join("tiny.toml"),
        format!("skip_bda = true\n{SPEC}"),
    )
    .unwrap();
    refused(
        &at,
        &["data", "import", "tiny.toml"],
        1,
        &["tiny.toml", "skip_bad"],
    );
}
