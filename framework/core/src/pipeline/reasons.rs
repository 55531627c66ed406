//! Whether a model's reasons hold: tests of them as stages.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Context, Recommender, same_split};
use crate::artefact::Content;
use crate::data::{CaseSet, Split};
use crate::error::{Error, Result};
use crate::fingerprint::Builder;
use crate::reason::{self, Faithfulness, FaithfulnessSettings, Steering, SteeringSettings};
use crate::train::Model;

/// Counts the changes of what these stages compute.
const VERSION: &str = "1";

/// Whether the attributes that the explanations name are those that make the lists, see [`reason::faithfulness()`]; none in a
/// dry run.
///
/// # Errors
/// [`Error::Setting`] for a model without attributes, of another split, or settings that cannot be used.
pub fn faithfulness(
    context: &Context,
    recommender: &Recommender,
    split: &Split,
    cases: CaseSet,
    settings: &FaithfulnessSettings,
) -> Result<Option<Faithfulness>> {
    settings.check(&recommender.attributes)?;
    let test = Test {
        sort: "faithfulness",
        recommender,
        split,
        cases,
        settings: json!(settings),
    };
    test.stage(context, |model| {
        reason::faithfulness(model, split.asked(cases), split.cases(cases), settings)
    })
}

/// What moving users along an attribute does to the lists, and what it costs, see [`reason::steering()`]; none in a dry run.
///
/// # Errors
/// As [`faithfulness`]; [`Error::Unknown`] for an attribute that the model does not have.
pub fn steering(
    context: &Context,
    recommender: &Recommender,
    split: &Split,
    cases: CaseSet,
    settings: &SteeringSettings,
) -> Result<Option<Steering>> {
    settings.check(&recommender.attributes)?;
    let test = Test {
        sort: "steering",
        recommender,
        split,
        cases,
        settings: json!(settings),
    };
    test.stage(context, |model| {
        let names = &recommender.attributes;
        let column = names.iter().position(|name| *name == settings.attribute);
        let column = column.unwrap_or_default() as i64;
        let scores = recommender.guided_items(model)?.f_select(1, column)?;
        reason::steering(
            model,
            split.asked(cases),
            split.cases(cases),
            &scores,
            settings,
        )
    })
}

/// A test of a model's reasons on some cases.
struct Test<'a> {
    sort: &'static str,
    recommender: &'a Recommender,
    split: &'a Split,
    cases: CaseSet,
    settings: Value,
}

impl Test<'_> {
    /// Loads what the test found, or makes it.
    fn stage<T: Serialize + DeserializeOwned>(
        self,
        context: &Context,
        make: impl FnOnce(&Model) -> Result<T>,
    ) -> Result<Option<T>> {
        let Self {
            sort,
            recommender,
            split,
            cases,
            settings,
        } = self;
        let splits = [&recommender.split, &split.fingerprint];
        same_split(sort, ["the model", "the cases"], splits)?;
        let fingerprint = Builder::new(sort)
            .text("stage", VERSION)
            .part("model", &recommender.fingerprint)
            .part("split", &split.fingerprint)
            .text("cases", cases.name())
            .json("settings", &settings)
            .finish();
        let inputs = json!({
            "model": recommender.fingerprint, "split": split.fingerprint, "cases": cases.name(), "settings": settings,
        });
        let wrong = |e: serde_json::Error| Error::setting(sort, e.to_string());
        let content = context.stage(sort, &fingerprint, inputs, |_| {
            let missing = || Error::setting(sort, "the model is not trained");
            let found = make(recommender.model().ok_or_else(missing)?)?;
            Ok(Content {
                json: serde_json::to_value(found).map_err(wrong)?,
                ..Content::default()
            })
        })?;
        let read = |content: Content| serde_json::from_value(content.json).map_err(wrong);
        content.map(read).transpose()
    }
}
