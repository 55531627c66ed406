#![allow(clippy::unwrap_used)]

mod broken;
mod filters;
mod formats;
mod harm;
mod shared;
mod specs;
mod vectors;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{ImportReport, ImportSpec, import};
use crate::data::Dataset;
use crate::error::Result;

/// User, item, rating and time of an interaction.
type Plain = (String, String, Option<f32>, Option<i64>);

fn fixtures(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/data/import/fixtures")
        .join(format)
}

fn of_folder(path: impl Into<PathBuf>) -> ImportSpec {
    ImportSpec {
        name: "t".to_owned(),
        path: Some(path.into()),
        ..ImportSpec::default()
    }
}

fn imported(spec: &ImportSpec) -> Result<(Dataset, ImportReport)> {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("data");
    let report = import(spec, &into)?;
    // Mapped files stay readable after their folder is gone.
    Ok((Dataset::open(&into)?, report))
}

/// A canonical source with the given rows.
fn source(rows: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("user_id\titem_id\trating\ttimestamp\n{rows}");
    fs::write(folder.path().join("interactions.tsv"), text).unwrap();
    folder
}

fn plain(data: &Dataset) -> Vec<Plain> {
    let mut all = Vec::new();
    for user in 0..data.users() as u32 {
        let columns = data.user(user).unwrap();
        for (at, item) in columns.items.iter().enumerate() {
            let rating = columns
                .ratings
                .as_ref()
                .map(|r| r[at])
                .filter(|r| !r.is_nan());
            let time = columns.times.as_ref().map(|t| t[at]);
            all.push((
                data.user_id(user).unwrap(),
                data.item_id(*item).unwrap(),
                rating,
                time,
            ));
        }
    }
    all
}
