//! The user's own base embedding, from a file.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::Tensor;

use super::{BaseEmbedding, Context};
use crate::artefact::Content;
use crate::data::import::{ItemVectors, VectorFile};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// Missing items that a message names.
const NAMED: usize = 5;

/// What becomes of items that the file lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It is an error.
    #[default]
    Error,
    /// Their vectors are 0.
    Zero,
    /// Their vectors are the mean of the other items'.
    Mean,
}

/// Settings of [`precomputed`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrecomputedSettings {
    /// A text file with the identifiers of a tensor's rows, one a line.
    pub ids: Option<String>,
    /// The tensor of a `.safetensors` file.
    pub tensor: Option<String>,
    /// The column of a table with the identifiers.
    pub id_column: Option<String>,
    /// What becomes of items that the file lacks.
    pub missing: Missing,
}

/// Takes the item table from a file, whose rows are matched with the data set's items by their identifiers. Its width is
/// that of the base embedding. Rows of other items are ignored. In a dry run the file is read too, so that mistakes in it
/// are found.
///
/// # Errors
/// What reading the file reports; [`Error::Data`] when items are missing and `missing` is [`Missing::Error`], or when no item
/// of the data set is in the file.
pub fn precomputed(
    context: &Context,
    data: &Dataset,
    split: &Split,
    file: &VectorFile,
    missing: Missing,
) -> Result<BaseEmbedding> {
    let fingerprint = named(split, file, missing)?;
    let inputs = json!({
        "split": split.fingerprint, "file": file.path.display().to_string(),
        "ids": file.ids.as_ref().map(|ids| ids.display().to_string()), "tensor": file.tensor,
        "id_column": file.id_column, "missing": missing,
    });
    let make = || matched(data, file, missing);
    let checked = context.dry_run.then(make).transpose()?;
    let content = context.stage("base", &fingerprint, inputs, |_| {
        let made = make()?;
        if named(split, file, missing)? != fingerprint {
            let text = "it changed while it was read; run again";
            return Err(Error::data(&file.path, None, text));
        }
        Ok(Content {
            tensors: vec![("items".to_owned(), made.items)],
            json: made.figures,
        })
    })?;
    let (items, figures) = match (&content, checked) {
        (Some(content), _) => (
            content.tensor("items")?.f_to_device(context.device)?,
            content.json.clone(),
        ),
        (None, Some(made)) => (made.items, made.figures),
        (None, None) => return Err(Error::setting("precomputed", "nothing was read")),
    };
    let key = format!("base {}", fingerprint.short());
    context.folder.record_in("precomputed", &key, figures)?;
    Ok(BaseEmbedding {
        fingerprint,
        split: split.fingerprint.clone(),
        dim: items.size2()?.1,
        items: content.is_some().then_some(items),
        users: None,
    })
}

/// Names what the files hold, wherever they lie, and the form in which the file's name says that it is read.
fn named(split: &Split, file: &VectorFile, missing: Missing) -> Result<Fingerprint> {
    let mut name = Builder::new("precomputed")
        .text("stage", VERSION)
        .part("split", &split.fingerprint)
        .part("file", &Fingerprint::of_file(&file.path)?)
        .json(
            "settings",
            &json!({
                "tensor": file.tensor, "id_column": file.id_column, "missing": missing,
                "form": form(&file.path),
            }),
        );
    if let Some(ids) = &file.ids {
        name = name.part("ids", &Fingerprint::of_file(ids)?);
    }
    Ok(name.finish())
}

/// The endings of a file's name but `.gz`.
fn form(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    plain.rsplit_once('.').map_or("", |(_, end)| end).to_owned()
}

/// The item table of a data set, f32 `[V,d]`, and how many rows were used.
struct Matched {
    items: Tensor,
    figures: Value,
}

fn matched(data: &Dataset, file: &VectorFile, missing: Missing) -> Result<Matched> {
    let ItemVectors { table, rows } = file.read()?;
    let (n_rows, width) = table.size2()?;
    // Items without a row take the one after the last.
    let (mut numbers, mut absent) = (Vec::with_capacity(data.items()), Vec::new());
    for item in 0..data.items() as u32 {
        let id = data.item_id(item)?;
        match rows.get(&id) {
            Some(&row) => numbers.push(row as i64),
            None => {
                numbers.push(n_rows);
                absent.push(id);
            }
        }
    }
    let found = numbers.len() - absent.len();
    refuse(data, file, missing, &rows, &absent)?;
    let unused = n_rows - found as i64;
    if unused > 0 || !absent.is_empty() {
        tracing::info!(
            "{}: {found} of {} items found, {unused} rows are of other items and ignored",
            file.path.display(),
            numbers.len()
        );
    }
    let numbers = Tensor::f_from_slice(&numbers)?;
    let substitute = match missing {
        Missing::Mean => {
            let known = numbers.f_masked_select(&numbers.f_lt(n_rows)?)?;
            let known = table.f_index_select(0, &known)?;
            known.f_mean_dim(0, true, tch::Kind::Float)?
        }
        _ => Tensor::f_zeros([1, width], (tch::Kind::Float, table.device()))?,
    };
    let items = Tensor::f_cat(&[&table, &substitute], 0)?.f_index_select(0, &numbers)?;
    let figures = json!({"rows": n_rows, "unused": unused, "missing": absent.len()});
    Ok(Matched { items, figures })
}

/// Refuses a file without the items that are needed.
fn refuse(
    data: &Dataset,
    file: &VectorFile,
    missing: Missing,
    rows: &std::collections::HashMap<String, usize>,
    absent: &[String],
) -> Result<()> {
    let all = absent.len() == data.items();
    if absent.is_empty() || (missing != Missing::Error && !all) {
        return Ok(());
    }
    let first: Vec<String> = absent
        .iter()
        .take(NAMED)
        .map(|id| format!("`{id}`"))
        .collect();
    let more = if absent.len() > NAMED { ", …" } else { "" };
    let first = first.join(", ");
    let reason = match (all, rows.keys().min()) {
        (true, Some(other)) => format!(
            "holds none of the items of `{}`, such as {first}{more}; its own identifiers are written like `{other}`",
            data.name()
        ),
        _ => format!(
            "lacks {} of the {} items of `{}`: {first}{more}; add them, or set `missing` to `zero` or `mean`",
            absent.len(),
            data.items(),
            data.name()
        ),
    };
    let place = file.ids.as_ref().unwrap_or(&file.path);
    Err(Error::data(place, None, reason))
}
