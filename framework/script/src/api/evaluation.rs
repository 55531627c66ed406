//! Evaluations: full ranking of cases, figures, TREC files, and the comparison of several runs.

use std::rc::Rc;

use lapidary_core::artefact::Content;
use lapidary_core::fingerprint::{Builder, Fingerprint};
use lapidary_core::rank::{Metric, Options, Popularity, Ranking, Scorer, rank, trec};
use lapidary_core::run::Point;
use lapidary_core::{Error, Result};
use mlua::{
    FromLua, Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::data::{CasesHandle, SplitHandle};
use super::model::ModelHandle;
use crate::convert::{from_json, raise, show};
use crate::session::Session;

mod comparison;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let popularity = |_: &Lua, split: UserDataRef<SplitHandle>| {
        Ok(PopularityHandle {
            split: split.clone(),
        })
    };
    api.raw_set("popularity", lua.create_function(popularity)?)?;
    let s = Rc::clone(session);
    let compare = move |_: &Lua, given: Table| comparison::compare(&s, &given);
    api.raw_set("compare", lua.create_function(compare)?)
}

/// How to evaluate.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EvaluateSettings {
    /// Metrics to show.
    metrics: Vec<Metric>,
    /// Length of the lists for coverage, popularity bias and export.
    lists: usize,
}

impl Default for EvaluateSettings {
    fn default() -> Self {
        Self {
            metrics: default_metrics(),
            lists: 10,
        }
    }
}

/// MRR, Recall and NDCG at 10, as the paper reports them.
fn default_metrics() -> Vec<Metric> {
    use lapidary_core::rank::Measure;
    [Measure::Mrr, Measure::Recall, Measure::Ndcg]
        .map(|m| Metric::at(m, 10))
        .to_vec()
}

/// Accepts `{ "mrr@10", … }` for `{ metrics = { … } }`.
fn read_settings(given: Json) -> Result<EvaluateSettings> {
    let given = if given.is_array() {
        json!({"metrics": given})
    } else {
        given
    };
    from_json(given, "evaluate")
}

/// Ranks the cases with a trained model.
pub(super) fn of_model(
    model: &ModelHandle,
    cases: &CasesHandle,
    given: Json,
) -> Result<EvaluationHandle> {
    let settings = read_settings(given)?;
    let scorer = model.model().map(|m| m as &dyn Scorer);
    evaluate(scorer, model.fingerprint(), cases, settings)
}

fn evaluate(
    scorer: Option<&dyn Scorer>,
    of: &Fingerprint,
    cases: &CasesHandle,
    settings: EvaluateSettings,
) -> Result<EvaluationHandle> {
    let parts = &cases.parts;
    let session = &parts.session;
    let fingerprint = Builder::new("evaluation")
        .part("model", of)
        .part("split", &parts.split.fingerprint)
        .text("cases", cases.name())
        .text("lists", &settings.lists.to_string())
        .finish();
    let inputs = json!({"model": of, "cases": cases.name(), "lists": settings.lists});
    let content = session.stage("evaluation", &fingerprint, inputs, |_| {
        let scorer =
            scorer.ok_or_else(|| Error::setting("evaluate", "the model is not trained"))?;
        let options = Options {
            lists: Some(settings.lists),
            ..Options::default()
        };
        let ranking = rank(scorer, &parts.split, cases.cases(), &options)?;
        ranking.to_content()
    })?;
    let ranking = content
        .map(|c: Content| Ranking::from_content(&c, &parts.split, cases.cases()))
        .transpose()?;
    let handle = EvaluationHandle {
        cases: cases.clone(),
        ranking: ranking.map(Rc::new),
        metrics: settings.metrics,
    };
    handle.note(of)?;
    Ok(handle)
}

/// The popularity baseline: recommends what most users had.
struct PopularityHandle {
    split: SplitHandle,
}

impl PopularityHandle {
    fn evaluate(&self, cases: &CasesHandle, given: Json) -> Result<EvaluationHandle> {
        let split = &self.split.parts.split;
        let of = Builder::new("popularity")
            .part("split", &split.fingerprint)
            .finish();
        let scorer = Popularity::new(split)?;
        evaluate(Some(&scorer), &of, cases, read_settings(given)?)
    }
}

impl UserData for PopularityHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method(
            "evaluate",
            |_, p, (cases, given): (CasesHandle, Option<Table>)| {
                let given = super::component::given_settings(given, "evaluate")?;
                p.evaluate(&cases, given).map_err(raise)
            },
        );
    }
}

/// A ranking and the metrics to show of it; without values in a dry run.
#[derive(Clone)]
pub(super) struct EvaluationHandle {
    cases: CasesHandle,
    ranking: Option<Rc<Ranking>>,
    metrics: Vec<Metric>,
}

impl EvaluationHandle {
    /// Notes the figures in the run's folder.
    fn note(&self, of: &Fingerprint) -> Result<()> {
        let Some(ranking) = &self.ranking else {
            return Ok(());
        };
        let names: Vec<String> = self.metrics.iter().map(Metric::to_string).collect();
        let n = ranking.n_items;
        let values: Vec<(&str, f64)> = names
            .iter()
            .zip(&self.metrics)
            .map(|(name, m)| (name.as_str(), ranking.unseen.mean(*m, n)))
            .collect();
        let stage = format!("evaluation-{}-{}", self.cases.name(), of.short());
        self.cases
            .parts
            .session
            .folder()
            .metrics(&stage, Point::End, &values)
    }

    /// Mean of a metric; NaN in a dry run.
    fn value(&self, metric: Metric, seen: bool) -> f64 {
        let places = self
            .ranking
            .as_ref()
            .map(|r| if seen { &r.all } else { &r.unseen });
        match (places, &self.ranking) {
            (Some(places), Some(r)) => places.mean(metric, r.n_items),
            _ => f64::NAN,
        }
    }

    /// All figures as text.
    fn text(&self) -> String {
        let Some(ranking) = &self.ranking else {
            return "dry run: nothing was evaluated".to_owned();
        };
        let report = ranking.report(&self.metrics, &self.cases.parts.split);
        let line = |values: &lapidary_core::rank::Values| {
            let mut parts: Vec<String> = values
                .metrics
                .iter()
                .map(|(m, v)| format!("{m} {v:.4}"))
                .collect();
            if let Some(c) = &values.catalogue {
                parts.push(format!("coverage@{} {:.3}", c.k, c.coverage));
                parts.push(format!("popularity bias {:+.2}", c.popularity_bias));
            }
            parts.join("  ")
        };
        format!(
            "{} {} cases, {:.2} % tied\n  seen items removed: {}\n  seen items kept:    {}",
            report.cases,
            self.cases.name(),
            100.0 * report.tied,
            line(&report.unseen),
            line(&report.all)
        )
    }

    /// Writes the lists and the targets as TREC files into the run's folder.
    fn export(&self, name: &str) -> Result<()> {
        let Some(ranking) = &self.ranking else {
            return Ok(());
        };
        let folder = self.cases.parts.session.folder();
        let names: &dyn trec::Names = self.cases.parts.data.as_ref();
        if let Some(lists) = &ranking.unseen.top {
            trec::write_run(
                &folder.file(&format!("rankings/{name}.run"))?,
                ranking,
                lists,
                names,
                name,
            )?;
        }
        trec::write_qrels(
            &folder.file(&format!("rankings/{name}.qrels"))?,
            ranking,
            names,
        )
    }
}

impl FromLua for EvaluationHandle {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(data) if data.is::<Self>() => data.borrow::<Self>().map(|e| e.clone()),
            other => {
                let reason = format!("expected the result of `evaluate`, found {}", show(other));
                Err(raise(Error::setting("compare", reason)))
            }
        }
    }
}

impl UserData for EvaluationHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("tied", |_, e| {
            let ranking = e.ranking.as_ref();
            Ok(ranking.map(|r| r.report(&[], &e.cases.parts.split).tied))
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("value", |_, e, (metric, kept): (String, Option<bool>)| {
            let metric: Metric = metric.parse().map_err(raise)?;
            Ok(e.value(metric, kept.unwrap_or(false)))
        });
        methods.add_method("export", |_, e, name: String| {
            e.export(&name).map_err(raise)
        });
        methods.add_meta_method(MetaMethod::ToString, |_, e, ()| Ok(e.text()));
    }
}
