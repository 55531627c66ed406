//! Guided scores that the user brings: from people, from a model asked elsewhere, or made up as a control.

use std::collections::BTreeSet;
use std::rc::Rc;

use lapidary_sdk::kinds::{Attribute, AttributeSet};
use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::{Context, GuidedEmbedding};
use crate::data::Split;
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::guidance::{Figures, GuidedScores, Tally, history_mean};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// Takes scores of items from a table; users are scored by the mean over their training history. `items` may be missing in
/// a dry run alone.
///
/// # Shapes
/// `items` `[V,m]`, a row an item in the order of the data set, a column a name.
///
/// # Errors
/// [`Error::Setting`] when names are missing, empty or used twice, or a score is not finite; [`Error::Shape`] when the
/// table has other sizes.
pub fn bring_scores(
    context: &Context,
    split: &Split,
    names: &[String],
    items: Option<&Tensor>,
) -> Result<GuidedEmbedding> {
    check_names(names)?;
    let items = match items {
        Some(items) => Some(checked(split, names, items)?),
        None if context.dry_run => None,
        None => return Err(Error::setting("items", "is missing: a tensor [V,m]")),
    };
    let attributes = attributes(names);
    let fingerprint = named(split, names, items.as_ref())?;
    let inputs = json!({ "split": split.fingerprint, "attributes": names });
    let content = context.stage("guided", &fingerprint, inputs, |_| {
        let items = items.ok_or_else(|| Error::setting("items", "is missing"))?;
        let subjects = split.n_items as u64;
        let scored = Tally {
            subjects,
            ..Tally::default()
        };
        GuidedScores {
            attributes: attributes.clone(),
            users: Some(history_mean(split, &items)?),
            items,
            figures: Figures {
                items: scored,
                users: None,
            },
        }
        .to_content()
    })?;
    let scores = content.map(|c| GuidedScores::from_content(&c));
    Ok(GuidedEmbedding {
        fingerprint,
        split: split.fingerprint.clone(),
        attributes,
        has_users: true,
        scores: scores.transpose()?.map(Rc::new),
    })
}

fn check_names(names: &[String]) -> Result<()> {
    if names.is_empty() {
        return Err(Error::setting("attributes", "must name at least one"));
    }
    let mut seen = BTreeSet::new();
    for name in names {
        if name.trim().is_empty() {
            return Err(Error::setting("attributes", "holds an empty name"));
        }
        if !seen.insert(name) {
            return Err(Error::setting(
                "attributes",
                format!("`{name}` stands twice"),
            ));
        }
    }
    Ok(())
}

/// The scores as f32 on the CPU.
fn checked(split: &Split, names: &[String], items: &Tensor) -> Result<Tensor> {
    let expected = [split.n_items as i64, names.len() as i64];
    if items.size() != expected {
        return Err(Error::Shape {
            what: "`items`".to_owned(),
            expected: format!("[V,m] = {expected:?}, a row an item, a column an attribute"),
            found: format!("{:?}", items.size()),
        });
    }
    if items.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
        return Err(Error::setting("items", "a score is infinite or no number"));
    }
    let plain = items.f_detach()?.f_to_device(Device::Cpu)?;
    Ok(plain.f_to_kind(Kind::Float)?.f_contiguous()?)
}

fn attributes(names: &[String]) -> AttributeSet {
    let plain = |name: &String| Attribute {
        name: name.clone(),
        description: String::new(),
        low: String::new(),
        high: String::new(),
        phrases: Vec::new(),
    };
    AttributeSet {
        domain: "brought".to_owned(),
        item: "item".to_owned(),
        items: "items".to_owned(),
        verb: "chose".to_owned(),
        attributes: names.iter().map(plain).collect(),
    }
}

fn named(split: &Split, names: &[String], items: Option<&Tensor>) -> Result<Fingerprint> {
    let name = Builder::new("brought scores")
        .text("stage", VERSION)
        .part("split", &split.fingerprint)
        .json("attributes", &json!(names));
    let Some(items) = items else {
        return Ok(name.finish());
    };
    let values = Vec::<f32>::try_from(items.f_view([-1])?)?;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    Ok(name.bytes("items", &bytes).finish())
}
