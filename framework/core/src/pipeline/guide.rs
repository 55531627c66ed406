//! The guided embedding: a prompt strategy asks a language model about items and users.

use std::rc::Rc;

use lapidary_sdk::kinds::{AttributeSet, ItemText};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, LanguageModel, PromptStrategy};
use crate::data::{Dataset, Split};
use crate::error::Result;
use crate::fingerprint::{Builder, Fingerprint};
use crate::guidance::{Cache, GuidedScores, Scorer, Users};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// How scoring goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    let info = llm.info(context)?;
    let fingerprint = Builder::new("guided")
        .text("stage", VERSION)
        .part("split", &split.fingerprint)
        .part("strategy", &strategy.chosen.fingerprint)
        // Which of its settings change answers the model knows best: its own fingerprint tells.
        .part("llm", &llm.chosen.code)
        .text("model", &info.fingerprint)
        .json("attributes", &json!(strategy.attributes))
        .json("users", &json!(settings.users))
        .finish();
    let inputs = json!({
        "split": split.fingerprint, "strategy": strategy.chosen.name, "settings": strategy.chosen.settings,
        "llm": llm.chosen.name, "model": info, "domain": strategy.attributes.domain, "users": settings.users,
    });
    let content = context.stage("guided", &fingerprint, inputs, |_| {
        score(context, llm, strategy, data, split, settings)?.to_content()
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
    // Read at once: an item stands in many histories, and a damaged text must stop the scoring.
    let texts = (0..split.n_items as u32)
        .map(|item| item_text(data, item))
        .collect::<Result<Vec<ItemText>>>()?;
    let text = |item: u32| texts[item as usize].clone();
    scorer.score(split, &text, settings.users)
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
