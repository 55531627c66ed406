//! Vectors of items: every form gives the same table, and what cannot be used is named with its place.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::*;
use crate::data::import::{ItemVectors, VectorFile};

const EXPECTED: [f32; 6] = [3.0, 0.1, 0.001, 1.0, -2.5, 7.25];

fn table() -> Tensor {
    Tensor::from_slice(&EXPECTED).view([2, 3])
}

fn of(path: PathBuf) -> VectorFile {
    VectorFile {
        path,
        ids: None,
        tensor: None,
        id_column: None,
    }
}

/// A folder with vectors `v.npy` of the items in `ids.txt`.
fn saved(table: &Tensor, ids: &str) -> (TempDir, VectorFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.npy");
    table.write_npy(&path).unwrap();
    fs::write(folder.path().join("ids.txt"), ids).unwrap();
    let ids = Some(folder.path().join("ids.txt"));
    (folder, VectorFile { ids, ..of(path) })
}

fn text(name: &str, content: &str) -> (TempDir, VectorFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, of(path))
}

fn check(file: &VectorFile) {
    let ItemVectors { table: found, rows } = file.read().unwrap();
    assert_eq!((found.kind(), &found), (Kind::Float, &table()));
    let expected = HashMap::from([("b".to_owned(), 0), ("a".to_owned(), 1)]);
    assert_eq!(rows, expected);
}

fn says(file: &VectorFile, what: &str) {
    let message = file.read().unwrap_err().to_string();
    assert!(message.contains(what), "{message}");
}

#[test]
fn every_form_gives_the_same_table() {
    for kind in [Kind::Float, Kind::Double] {
        let (folder, npy) = saved(&table().to_kind(kind), "b\r\na\n\n");
        check(&npy);
        check(&VectorFile {
            path: fixtures("table/vectors.npy"),
            ..npy.clone()
        });
        let path = folder.path().join("v.safetensors");
        let named = [("items", table().to_kind(kind)), ("users", table() + 1.0)];
        Tensor::write_safetensors(&named, &path).unwrap();
        let several = VectorFile { path, ..npy };
        says(
            &several,
            "holds 2 tensors (items, users); choose one with `tensor`",
        );
        let chosen = |tensor: &str| VectorFile {
            tensor: Some(tensor.to_owned()),
            ..several.clone()
        };
        check(&chosen("items"));
        says(&chosen("itmes"), "did you mean `items`");
        Tensor::write_safetensors(&named[..1], &several.path).unwrap();
        check(&several);
    }
    let (_folder, csv) = text("v.csv", "sku,x,y,z\n\"b\",3,0.1,1e-3\na, 1 ,-2.5,7.25\n");
    check(&csv);
    let (_folder, tsv) = text("v.tsv", "x\tsku\ty\tz\n3\tb\t.1\t0.001\n1\ta\t-2.5\t7.25\n");
    says(&tsv, "v.tsv:2: column `sku` holds no finite number");
    let by_name = |file: VectorFile, name: &str| VectorFile {
        id_column: Some(name.to_owned()),
        ..file
    };
    check(&by_name(tsv.clone(), "sku"));
    says(&by_name(tsv, "sko"), "no column `sko`; did you mean `sku`");
    check(&by_name(of(fixtures("table/vectors.parquet")), "sku"));
}

#[test]
fn rows_that_cannot_be_used_are_named() {
    let bad = |cell: &str| text("v.csv", &format!("id,x\na,1\nb,{cell}\n"));
    for cell in ["NaN", "inf", "", "1.5.2"] {
        let (_folder, file) = bad(cell);
        says(&file, "v.csv:3: column `x` holds no finite number");
    }
    let (_folder, short) = bad("1\nc");
    says(&short, "v.csv:4: the line has 1 fields, the header 2");
    let (_folder, twice) = bad("1\na,2");
    says(&twice, "v.csv:4: the item stands twice, first in line 2");
    let (_folder, unnamed) = text("v.csv", "id,x\n,1\n");
    says(&unnamed, "v.csv:2: the item's identifier is missing");
    let (_folder, empty) = text("v.csv", "id,x\n");
    says(&empty, "holds no item");
    let (_folder, narrow) = text("v.csv", "id\na\n");
    says(&narrow, "columns of numbers are needed");

    let spoilt = table();
    let _ = spoilt.get(1).narrow(0, 2, 1).fill_(f64::NAN);
    let (_folder, file) = saved(&spoilt, "b\na\n");
    says(&file, "NaN or infinity in 1 of 2 rows, first in row 2");
    let (_folder, file) = saved(&table(), "b\nb\n");
    says(
        &file,
        "ids.txt:2: the item stands twice, first in line 1; keep one row for each item: `b`",
    );
    let (_folder, file) = saved(&table(), "b\n\na\n");
    says(&file, "ids.txt:3: the line before is empty");
    let (_folder, file) = saved(&table(), "b\na\nc\n");
    says(&file, "has 2 rows, but");
}

#[test]
fn tensors_of_other_shapes_and_types_are_refused() {
    for (tensor, what) in [
        (table().view([6]), "holds Float of the shape [6]"),
        (
            table().view([1, 2, 3]),
            "holds Float of the shape [1, 2, 3]",
        ),
        (table().narrow(1, 0, 0), "holds Float of the shape [2, 0]"),
        (
            table().to_kind(Kind::Int64),
            "no little-endian floating-point numbers",
        ),
    ] {
        let (_folder, file) = saved(&tensor, "b\na\n");
        says(&file, what);
    }
    let (_folder, file) = saved(&table(), "b\na\n");
    let bytes = fs::read(&file.path).unwrap();
    for harmed in [&bytes[..0], &bytes[..20], &bytes[..bytes.len() - 1]] {
        fs::write(&file.path, harmed).unwrap();
        says(&file, "cannot be read as .npy");
    }
    let path = file.path.with_extension("safetensors");
    fs::write(&path, b"no tensors").unwrap();
    says(
        &VectorFile { path, ..file },
        "cannot be read as .safetensors",
    );
}

#[test]
fn settings_that_the_form_does_not_take_are_refused() {
    let (_folder, npy) = saved(&table(), "b\na\n");
    let without = VectorFile {
        ids: None,
        ..npy.clone()
    };
    says(&without, "give a file with the items' identifiers");
    let other = |id_column: Option<&str>, tensor: Option<&str>| VectorFile {
        id_column: id_column.map(str::to_owned),
        tensor: tensor.map(str::to_owned),
        ..npy.clone()
    };
    says(&other(Some("id"), None), "`id_column` is for tables");
    says(
        &other(None, Some("items")),
        "`tensor` names a tensor of a .safetensors",
    );
    let (_other_folder, csv) = text("v.csv", "id,x\na,1\n");
    says(
        &VectorFile {
            ids: npy.ids,
            ..csv
        },
        "leave out `ids`",
    );
    let gone = of(npy.path.with_file_name("gone.csv"));
    says(&gone, "gone.csv");
}
