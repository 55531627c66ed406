//! Evaluations: full ranking of cases, figures, TREC files, and the comparison of several runs.

use std::rc::Rc;

use lapidary_core::Result;
use lapidary_core::data::Split;
use lapidary_core::pipeline::{
    Baseline, Candidates, Evaluation, Question, evaluate, evaluate_baseline, evaluation_stage,
    same_split,
};
use lapidary_core::rank::{Measure, Metric, TrecRun, Values, trec};
use lapidary_core::run::Point;
use lapidary_core::settings::{self, OutOfRange, out_of_range};
use mlua::{FromLua, Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::data::{CasesHandle, SplitHandle};
use super::model::ModelHandle;
use crate::convert::{raise, settings_of};
use crate::object::{Arg, Object, name_it, refuse_others, unexpected};
use crate::session::Session;

pub(super) mod comparison;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    for (name, baseline) in [
        ("popularity", Baseline::Popularity),
        ("chance", Baseline::Chance),
    ] {
        let made = move |_: &Lua, split: Arg<SplitHandle>| {
            Ok(BaselineHandle {
                split: split.clone(),
                baseline: baseline.clone(),
            })
        };
        api.raw_set(name, lua.create_function(made)?)?;
    }
    let trec_run = |_: &Lua, (split, file): (Arg<SplitHandle>, String)| {
        BaselineHandle::of_file(&split, &file).map_err(raise)
    };
    api.raw_set("trec_run", lua.create_function(trec_run)?)?;
    let s = Rc::clone(session);
    let compare = move |lua: &Lua, given: Table| comparison::compare(lua, &s, &given);
    api.raw_set("compare", lua.create_function(compare)?)
}

/// How to evaluate.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EvaluateSettings {
    /// Metrics to show.
    metrics: Vec<Metric>,
    /// Length of the lists for coverage, popularity bias and export.
    lists: usize,
    /// What is ranked.
    among: Candidates,
}

impl EvaluateSettings {
    fn problems(&self) -> Vec<OutOfRange> {
        let some = !self.metrics.is_empty();
        out_of_range([
            ("metrics", some, "a list of at least one, such as `ndcg@10`"),
            ("lists", self.lists > 0, "at least 1"),
        ])
    }

    fn question(&self, cases: &CasesHandle) -> Question {
        Question {
            cases: cases.set,
            lists: self.lists,
            among: self.among,
        }
    }
}

impl Default for EvaluateSettings {
    fn default() -> Self {
        Self {
            metrics: default_metrics(),
            lists: 10,
            among: Candidates::All,
        }
    }
}

/// MRR, Recall and NDCG at 10, as the paper reports them.
fn default_metrics() -> Vec<Metric> {
    [Measure::Mrr, Measure::Recall, Measure::Ndcg]
        .map(|m| Metric::at(m, 10))
        .to_vec()
}

/// Accepts `{ "mrr@10", … }` for `{ metrics = { … } }`.
fn read_settings(given: Option<&Table>) -> mlua::Result<EvaluateSettings> {
    let given = match settings_of(given, "evaluate")? {
        list if list.is_array() => json!({"metrics": list}),
        named => named,
    };
    settings::read_checked(given, "evaluate", EvaluateSettings::problems).map_err(raise)
}

/// A baseline without a model of ours: recommends what most users had, or anything, or what another system did.
pub(super) struct BaselineHandle {
    split: SplitHandle,
    baseline: Baseline,
}

impl BaselineHandle {
    /// The ranking in a TREC run file.
    fn of_file(split: &SplitHandle, file: &str) -> Result<Self> {
        let parts = &split.parts;
        let path = parts.session.find(file)?;
        let run = TrecRun::read(&path, &parts.split, parts.data.as_ref())?;
        Ok(Self {
            split: split.clone(),
            baseline: Baseline::Run(Rc::new(run)),
        })
    }

    fn evaluate(
        &self,
        cases: &CasesHandle,
        settings: EvaluateSettings,
    ) -> Result<EvaluationHandle> {
        let (split, asked) = (&self.split.parts.split, &cases.parts.split);
        let splits = [&split.fingerprint, &asked.fingerprint];
        same_split("evaluate", ["the baseline", "the cases"], splits)?;
        let context = &cases.parts.session.context;
        let question = settings.question(cases);
        let data = &self.split.parts.data;
        let evaluation = evaluate_baseline(context, &self.baseline, data, split, question)?;
        EvaluationHandle::new(cases, evaluation, settings)
    }
}

impl Object for BaselineHandle {
    const NAME: &'static str = "a baseline";
    const RECEIVER: &'static str = "popularity";
    const FROM: &'static str = "lapidary.popularity(split)";
    const MEMBERS: &'static [&'static str] = &["evaluate"];
}

impl UserData for BaselineHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method(
            "evaluate",
            |_, p, (cases, given): (Arg<CasesHandle>, Option<Table>)| {
                let settings = read_settings(given.as_ref())?;
                p.evaluate(&cases, settings).map_err(raise)
            },
        );
    }
}

/// A ranking and the metrics to show of it; without values in a dry run.
#[derive(Clone)]
pub(super) struct EvaluationHandle {
    cases: CasesHandle,
    evaluation: Evaluation,
    metrics: Vec<Metric>,
}

impl EvaluationHandle {
    /// Ranks the cases with a trained model.
    pub fn of_model(
        model: &ModelHandle,
        cases: &CasesHandle,
        given: Option<&Table>,
    ) -> mlua::Result<Self> {
        let settings = read_settings(given)?;
        let (context, split) = (&cases.parts.session.context, &cases.parts.split);
        let evaluation = evaluate(context, &model.recommender, split, settings.question(cases));
        evaluation
            .and_then(|found| Self::new(cases, found, settings))
            .map_err(raise)
    }

    fn new(
        cases: &CasesHandle,
        evaluation: Evaluation,
        settings: EvaluateSettings,
    ) -> Result<Self> {
        let handle = Self {
            cases: cases.clone(),
            evaluation,
            metrics: settings.metrics,
        };
        handle.note()?;
        Ok(handle)
    }

    /// Notes the figures in the run's folder.
    fn note(&self) -> Result<()> {
        let Some(ranking) = &self.evaluation.ranking else {
            return Ok(());
        };
        let names: Vec<String> = self.metrics.iter().map(Metric::to_string).collect();
        let value = |m: &Metric| ranking.unseen.mean(*m, ranking.n_items);
        let values = names.iter().zip(&self.metrics);
        let values: Vec<(&str, f64)> = values.map(|(name, m)| (name.as_str(), value(m))).collect();
        let evaluation = &self.evaluation;
        let cases = self.cases.set.name();
        let stage = evaluation_stage(cases, evaluation.among, &evaluation.of);
        let folder = &self.cases.parts.session.context.folder;
        folder.metrics(&stage, Point::End, &values)
    }

    /// Mean of a metric; NaN in a dry run.
    fn value(&self, metric: Metric, seen_kept: bool) -> f64 {
        let Some(ranking) = &self.evaluation.ranking else {
            return f64::NAN;
        };
        let places = match seen_kept {
            true => &ranking.all,
            false => &ranking.unseen,
        };
        places.mean(metric, ranking.n_items)
    }

    /// The split whose sequences the cases belong to.
    fn asked(&self) -> &Split {
        self.cases.parts.split.asked(self.cases.set)
    }

    /// Share of cases whose target ties with another item.
    fn tied(&self) -> Option<f64> {
        let ranking = self.evaluation.ranking.as_ref()?;
        Some(ranking.report(&[], self.asked()).tied)
    }

    /// All figures as text.
    fn text(&self) -> String {
        let Some(ranking) = &self.evaluation.ranking else {
            return "dry run: nothing was evaluated".to_owned();
        };
        let report = ranking.report(&self.metrics, self.asked());
        let line = |values: &Values| {
            let metrics = values.metrics.iter();
            let mut parts: Vec<String> = metrics.map(|(m, v)| format!("{m} {v:.4}")).collect();
            if let Some(c) = &values.catalogue {
                parts.push(format!("coverage@{} {:.3}", c.k, c.coverage));
                parts.push(format!("popularity bias {:+.2}", c.popularity_bias));
            }
            parts.join("  ")
        };
        format!(
            "{} {} cases{}, {:.2} % tied\n  seen items removed: {}\n  seen items kept:    {}",
            report.cases,
            self.cases.set.name(),
            match self.evaluation.among {
                Candidates::All => "",
                Candidates::Cold => " among cold items alone",
            },
            100.0 * report.tied,
            line(&report.unseen),
            line(&report.all)
        )
    }

    /// Writes the lists and the targets as TREC files into the run's folder.
    fn export(&self, name: &str) -> Result<()> {
        let folder = &self.cases.parts.session.context.folder;
        let (run, qrels) = (
            folder.file(&format!("rankings/{name}.run"))?,
            folder.file(&format!("rankings/{name}.qrels"))?,
        );
        let Some(ranking) = &self.evaluation.ranking else {
            return Ok(());
        };
        let names: &dyn trec::Names = self.cases.parts.data.as_ref();
        if let Some(lists) = &ranking.unseen.top {
            trec::write_run(&run, ranking, lists, names, name)?;
        }
        trec::write_qrels(&qrels, ranking, names)
    }
}

impl FromLua for EvaluationHandle {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(data) if data.is::<Self>() => data.borrow::<Self>().map(|e| e.clone()),
            other => Err(unexpected::<Self>("compare", other)),
        }
    }
}

impl Object for EvaluationHandle {
    const NAME: &'static str = "an evaluation";
    const RECEIVER: &'static str = "evaluation";
    const FROM: &'static str = "model:evaluate(split.test)";
    const MEMBERS: &'static [&'static str] = &["tied", "value", "export"];
}

impl UserData for EvaluationHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("tied", |_, e| Ok(e.tied()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
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
