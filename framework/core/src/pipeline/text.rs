//! The base embedding of a language model: its hidden states of the items' texts.

use std::collections::BTreeSet;

use lapidary_sdk::Kind;
use lapidary_sdk::kinds::llm::method;
use lapidary_sdk::kinds::{EmbedSettings, Pooling};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::Tensor;

use super::{BaseEmbedding, Context, LanguageModel};
use crate::artefact::Content;
use crate::data::{Dataset, ItemText, Split};
use crate::error::{Error, Result};
use crate::fingerprint::Builder;
use crate::settings::{self as checked, OutOfRange, out_of_range};
use crate::{interrupt, progress};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// Parts of an item's text that every data set may have; the others are its fields.
const PARTS: [&str; 3] = ["title", "year", "categories"];

/// Settings of [`embed_texts`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TextSettings {
    /// What the text of an item consists of, in this order: `title`, `year`, `categories`, names of fields.
    pub parts: Vec<String>,
    /// The layer after which states are taken; none is after the last.
    pub layer: Option<u32>,
    /// How the states of a text's tokens become one.
    pub pooling: Pooling,
    /// Of a longer text the first tokens are read.
    pub max_tokens: u32,
    /// Texts that are read at once.
    pub batch: usize,
}

impl Default for TextSettings {
    fn default() -> Self {
        let EmbedSettings {
            layer,
            pooling,
            max_tokens,
        } = EmbedSettings::default();
        Self {
            parts: PARTS.map(str::to_owned).to_vec(),
            layer,
            pooling,
            max_tokens,
            batch: 64,
        }
    }
}

impl TextSettings {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        let parts = !self.parts.is_empty();
        out_of_range([
            ("parts", parts, "a list of at least one, such as `title`"),
            ("max_tokens", self.max_tokens > 0, "at least 1"),
            ("batch", self.batch > 0, "at least 1"),
        ])
    }

    fn states(&self) -> EmbedSettings {
        EmbedSettings {
            layer: self.layer,
            pooling: self.pooling,
            max_tokens: self.max_tokens,
        }
    }
}

/// Takes as item table what a language model's hidden states make of the items' texts. Its width is the model's. In a dry
/// run the model reads one text, which tells the width and whether it has the layer.
///
/// # Errors
/// [`Error::Setting`] when the model does not hand out states, or for settings that make no sense; [`Error::Unknown`] for
/// a part that no item has; what the component reports, and what the store does.
pub fn embed_texts(
    context: &Context,
    llm: &LanguageModel,
    data: &Dataset,
    split: &Split,
    settings: &TextSettings,
) -> Result<BaseEmbedding> {
    check(context, llm, data, settings)?;
    let info = llm.info(context)?;
    let what = json!({
        "parts": settings.parts, "layer": settings.layer, "pooling": settings.pooling,
        "max_tokens": settings.max_tokens, "context": info.context_length,
    });
    let fingerprint = Builder::new("text")
        .text("stage", VERSION)
        .part("split", &split.fingerprint)
        .part("llm", &llm.chosen.code)
        .text("model", &info.fingerprint)
        .json("settings", &what)
        .finish();
    let inputs = json!({
        "split": split.fingerprint, "llm": llm.chosen.name, "model": info, "settings": what,
    });
    let content = context.stage("base", &fingerprint, inputs, |_| {
        Ok(Content {
            tensors: vec![("items".to_owned(), table(context, llm, data, settings)?)],
            json: Value::Null,
        })
    })?;
    let (items, dim) = match content {
        Some(content) => {
            let items = content.tensor("items")?.f_to_device(context.device)?;
            let dim = items.size2()?.1;
            (Some(items), dim)
        }
        None => {
            let one = [text_of(&data.item(0)?, &settings.parts)];
            let read = llm.open(context)?.embed(&one, &settings.states());
            let states = read.map_err(Error::component("llm", "embed"))?;
            (None, states.size2()?.1)
        }
    };
    Ok(BaseEmbedding {
        fingerprint,
        split: split.fingerprint.clone(),
        dim,
        items,
        users: None,
    })
}

/// Refuses a model without states, and settings that make no sense.
fn check(
    context: &Context,
    llm: &LanguageModel,
    data: &Dataset,
    settings: &TextSettings,
) -> Result<()> {
    let wrong = |reason: String| Err(Error::setting("text_embedder", reason));
    let entry = context.registry.entry(Kind::Llm, &llm.chosen.name)?;
    if !entry.description.offers(method::EMBED) {
        let others = context.registry.entries().map(|e| &e.description);
        let others = others.filter(|d| d.kind == Kind::Llm && d.offers(method::EMBED));
        let others: Vec<String> = others.map(|d| format!("`{}`", d.name)).collect();
        return wrong(format!(
            "the language model `{}` does not hand out its hidden states; those that do: {}",
            llm.chosen.name,
            others.join(", ")
        ));
    }
    checked::check(settings, settings.problems(), "text_embedder")?;
    let special = |part: &String| PARTS.contains(&part.as_str());
    if !settings.parts.iter().all(special) {
        let mut known: BTreeSet<String> = PARTS.map(str::to_owned).into();
        for item in 0..data.items() as u32 {
            known.extend(data.item(item)?.fields.into_iter().map(|(name, _)| name));
        }
        if let Some(part) = settings.parts.iter().find(|part| !known.contains(*part)) {
            return Err(Error::unknown("part of item texts", part, &known));
        }
    }
    Ok(())
}

/// The item table f32 `[V,h]`, made in batches of texts of like length.
fn table(
    context: &Context,
    llm: &LanguageModel,
    data: &Dataset,
    settings: &TextSettings,
) -> Result<Tensor> {
    let mut texts = (0..data.items() as u32)
        .map(|item| {
            let text = text_of(&data.item(item)?, &settings.parts);
            Ok((i64::from(item), text))
        })
        .collect::<Result<Vec<_>>>()?;
    texts.sort_by_key(|(_, text)| text.len());
    let stage = progress::begin("texts", texts.len() as u64);
    let (model, how) = (llm.open(context)?, settings.states());
    let (mut numbers, mut rows, mut done) = (Vec::new(), Vec::new(), 0);
    for batch in texts.chunks(settings.batch) {
        interrupt::check()?;
        let read: Vec<String> = batch.iter().map(|(_, text)| text.clone()).collect();
        let states = model.embed(&read, &how);
        rows.push(states.map_err(Error::component("llm", "embed"))?);
        numbers.extend(batch.iter().map(|(item, _)| *item));
        done += batch.len();
        stage.update(done as u64, "");
    }
    let rows = Tensor::f_cat(&rows, 0)?;
    let order = Tensor::f_from_slice(&numbers)?.f_argsort(0, false)?;
    Ok(rows.f_index_select(0, &order.f_to_device(rows.device())?)?)
}

/// The text of an item: `Up (2009). Adventure, Comedy.` An item without any of the parts is read by its name.
fn text_of(item: &ItemText, parts: &[String]) -> String {
    let mut text = String::new();
    for part in parts {
        let value = match part.as_str() {
            "title" => item.name().to_owned(),
            "year" => item.year.map(|y| format!("({y})")).unwrap_or_default(),
            "categories" => item.categories.join(", "),
            field => item.fields.get(field).map(words).unwrap_or_default(),
        };
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if value.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push_str(if part == "year" { " " } else { ". " });
        }
        text.push_str(value.trim_end_matches('.'));
    }
    match text.is_empty() {
        true => item.name().to_owned(),
        false => text + ".",
    }
}

/// A field's value in words.
fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let all = all.iter().map(words).filter(|w| !w.is_empty());
            all.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn items_become_one_line_of_text() {
        let item: ItemText = serde_json::from_value(json!({
            "id": "7", "title": "Up", "year": 2009, "categories": ["Adventure", "Comedy"],
            "fields": {"description": "A house\n flies. ", "actors": ["A", "B"], "length": 96, "none": null},
        }))
        .unwrap();
        let of = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(|&p| p.to_owned()).collect();
            text_of(&item, &parts)
        };
        assert_eq!(of(&PARTS), "Up (2009). Adventure, Comedy.");
        let all = ["title", "description", "none", "actors", "length"];
        assert_eq!(of(&all), "Up. A house flies. A, B. 96.");
        assert_eq!(of(&["none"]), "Up");
        assert_eq!(text_of(&ItemText::unknown("7"), &["title".into()]), "7.");
    }
}
