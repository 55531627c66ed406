//! Every format gives the same interactions and titles for the same small data set.

use super::*;
use crate::data::import::{Column, Columns, Format, TextColumns, TimeUnit};
use serde_json::json;

fn check(spec: &ImportSpec, format: Format) -> Dataset {
    let (data, report) = imported(spec).unwrap();
    assert_eq!(
        (report.format, report.read, report.items_with_text),
        (format, 6, 3)
    );
    let row = |u: &str, i: &str, r, t| (u.to_owned(), i.to_owned(), Some(r), Some(t));
    let expected = [
        row("ann", "a1", 5.0, 978_300_019),
        row("ann", "b7", 3.0, 978_302_109),
        row("ann", "c3", 4.5, 978_302_109),
        row("bob", "b7", 4.0, 978_300_055),
        row("bob", "a1", 2.0, 978_301_968),
        row("cyd", "c3", 5.0, 978_824_268),
    ];
    assert_eq!(plain(&data), expected, "ties keep the source's order");
    let items = (0..3).map(|i| data.item(i).unwrap()).collect::<Vec<_>>();
    let titles: Vec<_> = items.iter().map(|i| i.title.clone().unwrap()).collect();
    assert_eq!(titles, ["Glass Harbour, The", "Café Noir", "Paper & Moons"]);
    assert!(
        items[2]
            .categories
            .ends_with(&["Children's".to_owned(), "Comedy".to_owned()]),
        "{items:?}"
    );
    if format != Format::Amazon {
        assert_eq!(
            items.iter().map(|i| i.year).collect::<Vec<_>>(),
            [Some(1995), Some(1996), Some(1997)]
        );
        assert_eq!(items[0].categories, ["Crime", "Drama"]);
    }
    data
}

#[test]
fn formats_are_found_and_read() {
    for (name, format) in [
        ("movielens-dat", Format::Movielens),
        ("movielens-data", Format::Movielens),
        ("movielens-csv", Format::Movielens),
        ("recbole", Format::Recbole),
        ("canonical", Format::Canonical),
        ("amazon-2014", Format::Amazon),
        ("amazon-2018", Format::Amazon),
        ("amazon-2023", Format::Amazon),
    ] {
        check(&of_folder(fixtures(name)), format);
        check(
            &ImportSpec {
                format,
                ..of_folder(fixtures(name))
            },
            format,
        );
    }
}

#[test]
fn further_fields_are_kept() {
    let fields = |name: &str| {
        let (data, _) = imported(&of_folder(fixtures(name))).unwrap();
        serde_json::Value::Object(data.item(0).unwrap().fields)
    };
    assert_eq!(fields("canonical"), json!({"studio": "Harbour Films"}));
    assert_eq!(
        fields("recbole"),
        json!({"length": 90.0, "mood": [0.5, -1.0]})
    );
    assert_eq!(
        fields("movielens-data"),
        json!({"release_date": "01-Jan-1995", "imdb_url": "http://films.example/a1"})
    );
    assert_eq!(
        fields("amazon-2014"),
        json!({"brand": "Harbour Films", "price": 9.5})
    );
    assert_eq!(
        fields("amazon-2018"),
        json!({"main_category": "Movies & TV", "brand": "Harbour Films", "price": "$9.50", "description": ["About a <i>film</i>."]})
    );
    assert_eq!(
        fields("amazon-2023"),
        json!({"main_category": "Movies & TV", "brand": "Harbour Films", "price": 9.5, "features": ["Colour"],
            "description": ["About a film."], "details": {"Run time": "1 hour"}})
    );
}

#[test]
fn only_the_fields_asked_for_are_kept() {
    let mut spec = of_folder(fixtures("amazon-2018"));
    spec.text.fields = Some(vec!["brand".to_owned()]);
    let (data, _) = imported(&spec).unwrap();
    assert_eq!(
        serde_json::Value::Object(data.item(1).unwrap().fields),
        json!({"brand": "Harbour Films"})
    );
    spec.text.fields = Some(vec!["brnd".to_owned()]);
    let error = imported(&spec).unwrap_err().to_string();
    assert!(error.contains("`brnd`; did you mean `brand`?"), "{error}");
}

fn table(interactions: &str, items: &str) -> ImportSpec {
    ImportSpec {
        format: Format::Table,
        interactions: vec![interactions.into()],
        items: vec![items.into()],
        columns: Columns {
            user: Some("who".into()),
            item: Some("what".into()),
            rating: Some("stars".into()),
            time: Some("when".into()),
            ..Columns::default()
        },
        text: TextColumns {
            id: Some("sku".into()),
            title: Some("name".into()),
            categories: Some("kinds".into()),
            category_separator: Some("/".to_owned()),
            ..TextColumns::default()
        },
        ..of_folder(fixtures("table"))
    }
}

#[test]
fn categories_of_recbole_are_cut_by_their_type_and_columns_may_be_absent_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "a.inter",
        "user_id:token\titem_id:token\twhen:float\nu\ti\t7\n",
    );
    write(
        "a.item",
        "item_id:token\tcategory:token\tgenres:token_seq\ni\tVideo Games\tAction Puzzle\n",
    );
    let columns = |column: &str| ImportSpec {
        format: Format::Recbole,
        columns: Columns {
            time: Some(column.into()),
            ..Columns::default()
        },
        ..of_folder(folder.path())
    };
    let (data, _) = imported(&columns("when")).unwrap();
    assert_eq!(plain(&data)[0].3, Some(7));
    let item = data.item(0).unwrap();
    assert_eq!(item.categories, ["Video Games", "Action", "Puzzle"]);
    let error = imported(&columns("timestamp")).unwrap_err().to_string();
    assert!(error.contains("no column `timestamp`"), "{error}");
}

#[test]
fn tables_are_read_by_their_column_map() {
    let mut text = table("visits.csv", "goods.tsv");
    text.columns.separator = Some(";".to_owned());
    text.columns.time_unit = TimeUnit::Date;
    let from_text = check(&text, Format::Table);
    assert_eq!(from_text.item(0).unwrap().fields["shelf"], json!("4"));
    let from_parquet = check(&table("visits.parquet", "goods.parquet"), Format::Table);
    assert_eq!(from_parquet.item(0).unwrap().fields["shelf"], json!(4));
    text.columns.item = Some("wat".into());
    let error = imported(&text).unwrap_err().to_string();
    assert!(
        error.contains("visits.csv:1: the header has no column `wat`; did you mean `what`"),
        "{error}"
    );
    let mut wrong = table("visits.parquet", "goods.parquet");
    wrong.columns.time = Some("wen".into());
    let error = imported(&wrong).unwrap_err().to_string();
    assert!(
        error.contains("no column `wen`; did you mean `when`"),
        "{error}"
    );
}

#[test]
fn a_table_without_header_is_read_by_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pairs.txt"), "1 4\n1 2\n1 2\n2 4\n").unwrap();
    let mut spec = ImportSpec {
        format: Format::Table,
        interactions: vec!["pairs.txt".into()],
        columns: Columns {
            user: Some(Column::Place(1)),
            item: Some(Column::Place(2)),
            ..Columns::default()
        },
        ..of_folder(folder.path())
    };
    let (data, report) = imported(&spec).unwrap();
    assert!(!report.has_times && report.to_string().contains("no times"));
    let pairs: Vec<_> = plain(&data).into_iter().map(|r| (r.0, r.1)).collect();
    let expected = [("1", "4"), ("1", "2"), ("1", "2"), ("2", "4")];
    assert_eq!(pairs, expected.map(|(u, i)| (u.to_owned(), i.to_owned())));
    spec.columns.item = Some(Column::Place(3));
    let error = imported(&spec).unwrap_err().to_string();
    assert!(
        error.contains("pairs.txt:1: the line has 2 fields, 3 are needed"),
        "{error}"
    );
}

#[test]
fn an_export_is_read_back_as_the_same_data_set() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["movielens-data", "recbole", "amazon-2023"] {
        let (data, _) = imported(&of_folder(fixtures(name))).unwrap();
        let out = folder.path().join(name);
        crate::data::export(&data, &out).unwrap();
        let (again, _) = imported(&of_folder(&out)).unwrap();
        assert_eq!(data.fingerprint(), again.fingerprint(), "{name}");
    }
}
