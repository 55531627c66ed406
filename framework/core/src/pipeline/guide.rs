//! The guided embedding: a prompt strategy asks a language model about items and users.

use std::rc::Rc;

use lapidary_sdk::kinds::{AttributeSet, ItemText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, LanguageModel, PromptStrategy, same_split};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::guidance::{Cache, GuidedScores, Scorer, Users};
use crate::settings::{OutOfRange, out_of_range};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// How scoring goes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuideSettings {
    /// How users are scored.
    pub users: Users,
    /// Requests that are asked at once.
    pub batch: usize,
}

impl Default for GuideSettings {
    fn default() -> Self {
        Self {
            users: Users::default(),
            batch: 64,
        }
    }
}

impl GuideSettings {
    /// The values that are out of their ranges.
    pub fn problems(&self) -> Vec<OutOfRange> {
        out_of_range([("batch", self.batch > 0, "at least 1")])
    }
}

/// Guided scores; without values in a dry run.
#[derive(Debug)]
pub struct GuidedEmbedding {
    /// Names them.
    pub fingerprint: Fingerprint,
    /// The split whose items and users were scored.
    pub split: Fingerprint,
    /// What was scored.
    pub attributes: AttributeSet,
    /// Whether users were scored too.
    pub has_users: bool,
    /// The scores.
    pub scores: Option<Rc<GuidedScores>>,
}

/// Scores the items of a split, and its users as told. The model is opened to learn what it is, in a dry run too.
///
/// # Errors
/// What a component reports, and what the store and the cache of answers do.
pub fn guide(
    context: &Context,
    llm: &LanguageModel,
    strategy: &PromptStrategy,
    data: &Dataset,
    split: &Split,
    settings: &GuideSettings,
) -> Result<GuidedEmbedding> {
    guided(context, llm, strategy, data, split, settings, None)
}

/// Scores users as told, beside items that were scored before, such as by the model before it was fine-tuned: the paper
/// freezes the items' scores.
///
/// # Errors
/// As [`guide`]; [`Error::Setting`] when the items are of another split or were scored on other attributes.
pub fn guide_users(
    context: &Context,
    llm: &LanguageModel,
    strategy: &PromptStrategy,
    data: &Dataset,
    split: &Split,
    settings: &GuideSettings,
    items: &GuidedEmbedding,
) -> Result<GuidedEmbedding> {
    let splits = [&items.split, &split.fingerprint];
    same_split("score", ["`items`", "the data"], splits)?;
    let names = |set: &AttributeSet| -> Vec<String> {
        set.attributes.iter().map(|a| a.name.clone()).collect()
    };
    let (found, asked) = (names(&items.attributes), names(&strategy.attributes));
    if found != asked {
        let (found, asked) = (found.join(", "), asked.join(", "));
        let reason = format!("`items` were scored on {found}, users would be on {asked}");
        return Err(Error::setting("score", reason));
    }
    guided(context, llm, strategy, data, split, settings, Some(items))
}

fn guided(
    context: &Context,
    llm: &LanguageModel,
    strategy: &PromptStrategy,
    data: &Dataset,
    split: &Split,
    settings: &GuideSettings,
    items: Option<&GuidedEmbedding>,
) -> Result<GuidedEmbedding> {
    let info = llm.info(context)?;
    let mut fingerprint = Builder::new("guided")
        .text("stage", VERSION)
        .part("split", &split.fingerprint)
        .part("strategy", &strategy.chosen.fingerprint)
        // Which of its settings change answers the model knows best: its own fingerprint tells.
        .part("llm", &llm.chosen.code)
        .text("model", &info.fingerprint)
        .json("attributes", &json!(strategy.attributes))
        .json("users", &json!(settings.users));
    if let Some(items) = items {
        fingerprint = fingerprint.part("items", &items.fingerprint);
    }
    let fingerprint = fingerprint.finish();
    let inputs = json!({
        "split": split.fingerprint, "strategy": strategy.chosen.name, "settings": strategy.chosen.settings,
        "llm": llm.chosen.name, "model": info, "domain": strategy.attributes.domain, "users": settings.users,
        "items": items.map(|items| &items.fingerprint),
    });
    let content = context.stage("guided", &fingerprint, inputs, |_| {
        let items = items.and_then(|items| items.scores.as_deref());
        score(context, llm, strategy, data, split, settings, items)?.to_content()
    })?;
    let scores = content
        .map(|c| GuidedScores::from_content(&c))
        .transpose()?;
    Ok(GuidedEmbedding {
        fingerprint,
        split: split.fingerprint.clone(),
        attributes: strategy.attributes.clone(),
        has_users: settings.users != Users::None,
        scores: scores.map(Rc::new),
    })
}

fn score(
    context: &Context,
    llm: &LanguageModel,
    strategy: &PromptStrategy,
    data: &Dataset,
    split: &Split,
    settings: &GuideSettings,
    items: Option<&GuidedScores>,
) -> Result<GuidedScores> {
    let made = strategy.make(context)?;
    let cache = Cache::open(&context.store.root().join("answers.sqlite"))?;
    let scorer = Scorer {
        llm: llm.open(context)?,
        strategy: made.as_ref(),
        strategy_name: &format!("{} {}", strategy.chosen.name, strategy.chosen.version),
        attributes: &strategy.attributes,
        cache: &cache,
        batch: settings.batch,
    };
    let texts = item_texts(data, split)?;
    let text = |item: u32| texts[item as usize].clone();
    match items {
        Some(items) => scorer.score_users(split, &text, settings.users, items),
        None => scorer.score(split, &text, settings.users),
    }
}

/// The texts of all items. Read at once: an item stands in many histories, and a damaged text must stop the work.
pub(super) fn item_texts(data: &Dataset, split: &Split) -> Result<Vec<ItemText>> {
    let items = 0..split.n_items as u32;
    items.map(|item| item_text(data, item)).collect()
}

/// Text of an item as prompt strategies read it.
///
/// # Errors
/// When the stored data cannot be read.
pub fn item_text(data: &Dataset, item: u32) -> Result<ItemText> {
    let text = data.item(item)?;
    Ok(ItemText {
        title: text.name().to_owned(),
        year: text.year.map(|y| y.to_string()).unwrap_or_default(),
        categories: text.categories,
        fields: text.fields,
    })
}
