//! Full ranking of the cases of a split.

use std::rc::Rc;

use serde_json::json;

use super::{Context, Recommender, same_split};
use crate::data::{CaseSet, Split};
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::rank::{Options, Popularity, Ranking, Scorer, rank};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// Where the targets of some cases came out; without values in a dry run.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Names what was asked.
    pub of: Fingerprint,
    /// The split of the cases.
    pub split: Fingerprint,
    /// Which of its cases.
    pub cases: CaseSet,
    /// The ranking.
    pub ranking: Option<Rc<Ranking>>,
}

/// Ranks the whole catalogue for each case with a trained recommender; the best `lists` items of each case are kept.
///
/// # Errors
/// [`Error::Setting`] when the recommender was trained on another split; see [`rank`] for the rest.
pub fn evaluate(
    context: &Context,
    recommender: &Recommender,
    split: &Split,
    cases: CaseSet,
    lists: usize,
) -> Result<Evaluation> {
    let splits = [&recommender.split, &split.fingerprint];
    same_split("evaluate", ["the model", "the cases"], splits)?;
    let scorer = recommender.model().map(|m| m as &dyn Scorer);
    ranked(
        context,
        &recommender.fingerprint,
        split,
        cases,
        lists,
        scorer,
    )
}

/// As [`evaluate`], by the popularity of items in the training part.
///
/// # Errors
/// See [`rank`].
pub fn evaluate_popularity(
    context: &Context,
    split: &Split,
    cases: CaseSet,
    lists: usize,
) -> Result<Evaluation> {
    let of = Builder::new("popularity")
        .part("split", &split.fingerprint)
        .finish();
    let popularity = Popularity::new(split)?;
    ranked(context, &of, split, cases, lists, Some(&popularity))
}

fn ranked(
    context: &Context,
    of: &Fingerprint,
    split: &Split,
    cases: CaseSet,
    lists: usize,
    scorer: Option<&dyn Scorer>,
) -> Result<Evaluation> {
    let fingerprint = Builder::new("evaluation")
        .text("stage", VERSION)
        .part("model", of)
        .part("split", &split.fingerprint)
        .text("cases", cases.name())
        .text("lists", &lists.to_string())
        .finish();
    let inputs =
        json!({"model": of, "split": split.fingerprint, "cases": cases.name(), "lists": lists});
    let options = Options {
        lists: Some(lists),
        ..Options::default()
    };
    let content = context.stage("evaluation", &fingerprint, inputs, |_| {
        let missing = || Error::setting("evaluate", "the model is not trained");
        let scorer = scorer.ok_or_else(missing)?;
        rank(scorer, split, split.cases(cases), &options)?.to_content()
    })?;
    let ranking = content
        .map(|c| Ranking::from_content(&c, split, split.cases(cases)))
        .transpose()?;
    Ok(Evaluation {
        of: of.clone(),
        split: split.fingerprint.clone(),
        cases,
        ranking: ranking.map(Rc::new),
    })
}
