//! Full ranking of the cases of a split.

use std::rc::Rc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Context, Recommender, same_split};
use crate::data::{CaseSet, Dataset, Split};
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::rank::{Among, Chance, Options, Popularity, Ranking, Scorer, TrecRun, rank};

/// Counts the changes of what this stage computes.
const VERSION: &str = "1";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// The cases.
    pub cases: CaseSet,
    /// Length of the lists of best items that are kept.
    pub lists: usize,
    /// What is ranked.
    pub among: Candidates,
}

/// What is ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Candidates {
    /// The whole catalogue.
    #[default]
    All,
    /// The items held out of training alone.
    Cold,
}

/// A way to rank without a model.
#[derive(Clone, Debug)]
pub enum Baseline {
    /// By the popularity of items in the training part.
    Popularity,
    /// By chance.
    Chance,
    /// As another system did.
    Run(Rc<TrecRun>),
}

impl Baseline {
    /// What people call it.
    fn name(&self) -> &str {
        match self {
            Self::Popularity => "popularity",
            Self::Chance => "chance",
            Self::Run(run) => run.name(),
        }
    }

    /// Names it for a split. A file is named by what it holds.
    fn fingerprint(&self, split: &Split) -> Fingerprint {
        let name = match self {
            Self::Run(run) => Builder::new("TREC run").part("file", run.content()),
            other => Builder::new(other.name()),
        };
        name.part("split", &split.fingerprint).finish()
    }
}

/// Where the targets of some cases came out; without values in a dry run.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Names it.
    pub fingerprint: Fingerprint,
    /// Names what was asked.
    pub of: Fingerprint,
    /// The split of the cases.
    pub split: Fingerprint,
    /// Which of its cases.
    pub cases: CaseSet,
    /// What was ranked.
    pub among: Candidates,
    /// The ranking.
    pub ranking: Option<Rc<Ranking>>,
}

/// The stage under which `metrics.jsonl` has the figures of a ranking of `cases` by a model.
pub fn evaluation_stage(cases: &str, among: Candidates, model: &Fingerprint) -> String {
    let among = match among {
        Candidates::All => "",
        Candidates::Cold => "-among-cold",
    };
    format!("evaluation-{cases}{among}-{}", model.short())
}

/// Ranks the catalogue, or some of it, for each case with a trained recommender.
///
/// # Errors
/// [`Error::Setting`] when the recommender was trained on another split, or the split holds no items out and these are
/// asked for; see [`rank`] for the rest.
pub fn evaluate(
    context: &Context,
    recommender: &Recommender,
    split: &Split,
    question: Question,
) -> Result<Evaluation> {
    let splits = [&recommender.split, &split.fingerprint];
    same_split("evaluate", ["the model", "the cases"], splits)?;
    let scorer = recommender.model().map(|m| m as &dyn Scorer);
    let ranked_by = RankedBy {
        of: &recommender.fingerprint,
        baseline: None,
        scorer,
    };
    ranked(context, ranked_by, split, question)
}

/// As [`evaluate`], with a baseline.
///
/// # Errors
/// See [`evaluate`]; [`Error::Data`], also in a dry run, when a run file lacks a case.
pub fn evaluate_baseline(
    context: &Context,
    baseline: &Baseline,
    data: &Dataset,
    split: &Split,
    question: Question,
) -> Result<Evaluation> {
    let scorer: Box<dyn Scorer + '_> = match baseline {
        Baseline::Popularity => Box::new(Popularity::new(split)?),
        Baseline::Chance => Box::new(Chance(split.n_items)),
        Baseline::Run(run) => {
            let unlisted = match question.among {
                Candidates::All => f32::NEG_INFINITY,
                // Items that are not ranked are below these.
                Candidates::Cold => f32::MIN,
            };
            Box::new(run.of_cases(split.cases(question.cases), data, unlisted)?)
        }
    };
    let ranked_by = RankedBy {
        of: &baseline.fingerprint(split),
        baseline: Some(baseline.name()),
        scorer: Some(scorer.as_ref()),
    };
    ranked(context, ranked_by, split, question)
}

/// What ranks.
struct RankedBy<'a> {
    of: &'a Fingerprint,
    baseline: Option<&'a str>,
    scorer: Option<&'a dyn Scorer>,
}

fn ranked(
    context: &Context,
    ranked_by: RankedBy<'_>,
    split: &Split,
    question: Question,
) -> Result<Evaluation> {
    let RankedBy {
        of,
        baseline,
        scorer,
    } = ranked_by;
    let Question {
        cases,
        lists,
        among,
    } = question;
    if split.held_out().is_empty() && (among == Candidates::Cold || cases == CaseSet::Cold) {
        let reason = "the split holds no items out of training; make it with `hold_out_items`";
        return Err(Error::setting("evaluate", reason));
    }
    if among == Candidates::Cold && cases != CaseSet::Cold {
        let reason = format!(
            "among cold items nothing of the {} cases can be found; ask for `split.cold`",
            cases.name()
        );
        return Err(Error::setting("among", reason));
    }
    let mut name = Builder::new("evaluation")
        .text("stage", VERSION)
        .part("model", of)
        .part("split", &split.fingerprint)
        .text("cases", cases.name())
        .text("lists", &lists.to_string());
    if among != Candidates::All {
        name = name.json("among", &json!(among));
    }
    let fingerprint = name.finish();
    let inputs = json!({
        "model": of, "baseline": baseline, "split": split.fingerprint, "cases": cases.name(), "lists": lists,
        "among": among,
    });
    let options = Options {
        lists: Some(lists),
        ..Options::default()
    };
    let (asked, numbers) = (split.asked(cases), split.cases(cases));
    let content = context.stage("evaluation", &fingerprint, inputs, |_| {
        let missing = || Error::setting("evaluate", "the model is not trained");
        let scorer = scorer.ok_or_else(missing)?;
        let ranking = match among {
            Candidates::All => rank(scorer, asked, numbers, &options)?,
            Candidates::Cold => {
                let some = Among::only(scorer, split.held_out())?;
                rank(&some, asked, numbers, &options)?
            }
        };
        ranking.to_content()
    })?;
    let ranking = content
        .map(|c| Ranking::from_content(&c, asked, numbers))
        .transpose()?;
    Ok(Evaluation {
        fingerprint,
        of: of.clone(),
        split: split.fingerprint.clone(),
        cases,
        among,
        ranking: ranking.map(Rc::new),
    })
}
