//! The tables of a model and what it was trained on.

use std::path::{Path, PathBuf};

use tch::Tensor;

use super::table::{Column, Columns, Format, Matrix, write};
use crate::data::{CaseSet, Dataset};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::pipeline::Reopened;
use crate::progress;
use crate::rank::{Query, recommend_all};
use crate::train::Model;

/// Users who are asked for at once.
const BATCH: usize = 256;
/// Tables besides the recommendations.
const TABLES: u64 = 4;

/// Writes `items`, `item_vectors`, `recommendations`, and where the model has attributes `item_scores` and `user_scores`; gives
/// the files.
///
/// A recommendation is made of all that a user had, or with `before` of what came before the target of that case.
///
/// # Errors
/// [`Error::Setting`] for a model of a dry run; what the model and the files report.
pub fn tables(
    of: &Reopened,
    folder: &Path,
    format: Format,
    before: Option<CaseSet>,
    k: usize,
) -> Result<Vec<PathBuf>> {
    let model = model_of(of)?;
    let data = &of.data;
    let stage = progress::begin("tables", TABLES);
    let ids = item_ids(data)?;
    let mut paths = vec![write(folder, "items", &items(data, &ids)?, format)?];
    let mut done = 1;
    let mut add = |name: &str, matrix: Matrix| -> Result<()> {
        stage.update(done, name);
        done += 1;
        paths.extend(matrix.write(folder, name, format)?);
        Ok(())
    };
    let values = model.output_table()?;
    let columns = column_names(model);
    add("item_vectors", matrix("item", &ids, columns, values))?;
    if let Some(scores) = of.recommender.guided_scores() {
        let names = scores.names();
        let items = scores.items.shallow_clone();
        add("item_scores", matrix("item", &ids, names.clone(), items))?;
        if let Some(users) = &scores.users {
            let ids = user_ids(data)?;
            add(
                "user_scores",
                matrix("user", &ids, names, users.shallow_clone()),
            )?;
        }
    }
    // Recommending has a stage of its own, whose rate is that of users.
    drop(stage);
    let best = recommendations(of, model, &ids, before, k)?;
    let _stage = progress::begin("writing recommendations", 0);
    paths.push(write(folder, "recommendations", &best, format)?);
    Ok(paths)
}

/// The model, which a dry run does not have.
pub(super) fn model_of(of: &Reopened) -> Result<&Model> {
    let reason = "this model has no values: it is of a dry run";
    (of.recommender.model()).ok_or_else(|| Error::setting("export", reason))
}

pub(super) fn item_ids(data: &Dataset) -> Result<Vec<String>> {
    (0..data.items() as u32).map(|n| data.item_id(n)).collect()
}

pub(super) fn user_ids(data: &Dataset) -> Result<Vec<String>> {
    (0..data.users() as u32).map(|n| data.user_id(n)).collect()
}

/// The attributes' names for their columns, `v1` and so on for the others.
fn column_names(model: &Model) -> Vec<String> {
    let attributes = model.attributes();
    let rest = attributes.len() + 1..=model.description().dim as usize;
    let named = attributes.iter().cloned();
    named.chain(rest.map(|n| format!("v{n}"))).collect()
}

fn matrix(of: &'static str, ids: &[String], columns: Vec<String>, values: Tensor) -> Matrix {
    Matrix {
        of,
        ids: ids.to_vec(),
        columns,
        values,
    }
}

fn items(data: &Dataset, ids: &[String]) -> Result<Columns> {
    let titles = (0..ids.len() as u32).map(|n| Ok(data.item(n)?.label()));
    let titles = titles.collect::<Result<_>>()?;
    Ok(vec![
        ("item".to_owned(), Column::Text(ids.to_vec())),
        ("title".to_owned(), Column::Text(titles)),
    ])
}

fn recommendations(
    of: &Reopened,
    model: &Model,
    ids: &[String],
    before: Option<CaseSet>,
    k: usize,
) -> Result<Columns> {
    let users = of.split.sequences.users() as u32;
    let asked = (0..users).filter_map(|user| Some((user, Query::of(&of.split, user, before)?)));
    let asked: Vec<_> = asked.collect();
    let (mut user_column, mut item_column) = (Vec::new(), Vec::new());
    let (mut ranks, mut scores) = (Vec::new(), Vec::new());
    let stage = progress::begin("recommendations", asked.len() as u64);
    let mut done = 0;
    for part in asked.chunks(BATCH) {
        interrupt::check()?;
        let queries: Vec<Query<'_>> = part.iter().map(|(_, query)| *query).collect();
        for ((user, _), best) in part.iter().zip(recommend_all(model, &queries, k)?) {
            let id = of.data.user_id(*user)?;
            for (place, (item, score)) in best.into_iter().enumerate() {
                user_column.push(id.clone());
                ranks.push(place as i64 + 1);
                item_column.push(ids[item as usize].clone());
                scores.push(score);
            }
        }
        done += part.len() as u64;
        stage.update(done, "");
    }
    Ok(vec![
        ("user".to_owned(), Column::Text(user_column)),
        ("rank".to_owned(), Column::Whole(ranks)),
        ("item".to_owned(), Column::Text(item_column)),
        ("score".to_owned(), Column::Number(scores)),
    ])
}
