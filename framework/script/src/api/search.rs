//! Search over settings: trials are drawn, run by a function of the script, and the best goes on.

use std::rc::Rc;

use lapidary_core::rank::Metric;
use lapidary_core::run::{Point, Table as RunTable};
use lapidary_core::search::{Rung, SearchSettings, Space, Trial};
use lapidary_core::train::History;
use lapidary_core::{Error, progress, settings};
use mlua::{Function, Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods, Value};
use serde_json::{Value as Json, json};

use super::model::ModelHandle;
use super::refined::BaseHandle;
use crate::convert::{raise, settings_but, show, take, take_seed, to_lua};
use crate::object::{Object, name_it, refuse_others};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    for sort in ["uniform", "log_uniform", "integer"] {
        let range = move |lua: &Lua, (low, high): (f64, f64)| {
            let range = json!({ sort: [whole(low), whole(high)] });
            Space::read(&json!({ sort: range })).map_err(raise)?;
            to_lua(lua, &range)
        };
        api.raw_set(sort, lua.create_function(range)?)?;
    }
    let s = Rc::clone(session);
    let search = move |lua: &Lua, given: Table| Search::new(&s, &given)?.run(lua);
    api.raw_set("search", lua.create_function(search)?)
}

/// Whole numbers are read as such.
fn whole(number: f64) -> Json {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => json!(number as i64),
        false => json!(number),
    }
}

/// A trial and how far it came.
struct Row {
    settings: Trial,
    /// Its number of epochs and its value, in the last rung that it ended.
    reached: Option<(u32, f64)>,
    /// Why it ended before its time.
    failed: Option<String>,
}

/// A search that runs.
struct Search {
    session: Rc<Session>,
    wanted: SearchSettings,
    run: Function,
    rungs: Vec<Rung>,
    names: Vec<String>,
    rows: Vec<Row>,
    /// The best trial of the last rung that was run, and what the script made of it.
    best: Option<(usize, Value)>,
}

impl Search {
    fn new(session: &Rc<Session>, given: &Table) -> mlua::Result<Self> {
        let Value::Function(run) = given.raw_get("run")? else {
            let reason = "`run` is missing: a function of the trial's settings and its number of epochs, which returns a \
                          model or a number";
            return Err(raise(Error::setting("search", reason)));
        };
        let mut rest = settings_but(Some(given), &["run"], "search")?;
        let read = || -> lapidary_core::Result<Self> {
            let space = Space::read(&take(&mut rest, "space").unwrap_or_default())?;
            let seed = take_seed(&mut rest, session.context.seed, "search")?;
            let wanted = settings::read_checked(rest, "search", SearchSettings::problems)?;
            let drawn = space.draw(wanted.trials, seed);
            let rungs = wanted.rungs(drawn.len())?;
            let note = json!({"settings": wanted, "seed": seed, "rungs": rungs, "trials": drawn});
            let folder = &session.context.folder;
            folder.record_in("searches", &wanted.name, note)?;
            let row = |settings| Row {
                settings,
                reached: None,
                failed: None,
            };
            Ok(Self {
                session: Rc::clone(session),
                wanted,
                run,
                rungs,
                names: space.names().map(str::to_owned).collect(),
                rows: drawn.into_iter().map(row).collect(),
                best: None,
            })
        };
        read().map_err(raise)
    }

    fn run(mut self, lua: &Lua) -> mlua::Result<SearchHandle> {
        if self.session.context.dry_run {
            let first = self.rungs.first().map_or(1, |rung| rung.epochs);
            let made = self.call(lua, 0, first)?;
            self.check(&made).map_err(raise)?;
            self.best = Some((0, made));
            return Ok(SearchHandle { search: self });
        }
        let kept = self.session.context.keep_checkpoints.replace(true);
        let done = self.run_all(lua);
        self.session.context.keep_checkpoints.set(kept);
        done?;
        self.report().map_err(raise)?;
        match self.best {
            Some(_) => Ok(SearchHandle { search: self }),
            None => Err(raise(self.all_failed())),
        }
    }

    fn run_all(&mut self, lua: &Lua) -> mlua::Result<()> {
        let all: usize = self.rungs.iter().map(|rung| rung.trials).sum();
        let stage = progress::begin("search", all as u64);
        let mut done = 0;
        for rung in self.rungs.clone() {
            let mut best: Option<(usize, Value)> = None;
            let in_it = self.order().into_iter().take(rung.trials);
            let in_it = in_it.filter(|&trial| self.rows[trial].failed.is_none());
            for trial in in_it.collect::<Vec<usize>>() {
                let made = self.trial(lua, trial, rung.epochs)?;
                if let Some(made) = made
                    && best
                        .as_ref()
                        .is_none_or(|(b, _)| self.value(trial) > self.value(*b))
                {
                    best = Some((trial, made));
                }
                done += 1;
                let note = best.as_ref().map(|(b, _)| {
                    let value = self.value(*b).unwrap_or(f64::NAN);
                    format!(
                        "{} epochs, best {} {value:.4}",
                        rung.epochs, self.wanted.metric
                    )
                });
                stage.update(done, &note.unwrap_or_default());
                self.report().map_err(raise)?;
            }
            self.best = best.or(self.best.take());
        }
        Ok(())
    }

    /// Runs a trial of a rung; nothing where it failed.
    fn trial(&mut self, lua: &Lua, trial: usize, epochs: u32) -> mlua::Result<Option<Value>> {
        let made = match self.call(lua, trial, epochs) {
            Ok(made) => made,
            Err(error) => {
                let reason = own_fault(&error).ok_or(error)?;
                return Ok(self.fail(trial, reason));
            }
        };
        let value = self.value_of(&made).map_err(raise)?;
        if !value.is_finite() {
            return Ok(self.fail(trial, format!("`run` returned {value}")));
        }
        self.rows[trial].reached = Some((epochs, value));
        let stage = format!("{}-{}", self.wanted.name, trial + 1);
        let metric = self.wanted.metric.to_string();
        let folder = &self.session.context.folder;
        let at = Point::Epoch(epochs.into());
        let noted = folder.metrics(&stage, at, &[(&metric, value)]);
        noted.map_err(raise)?;
        Ok(Some(made))
    }

    fn fail(&mut self, trial: usize, reason: String) -> Option<Value> {
        tracing::warn!("trial {} failed: {reason}", trial + 1);
        self.rows[trial].failed = Some(reason);
        None
    }

    fn call(&self, lua: &Lua, trial: usize, epochs: u32) -> mlua::Result<Value> {
        let settings = to_lua(lua, &self.rows[trial].settings)?;
        self.run.call((settings, epochs))
    }

    /// The value that decides, of what the script's function returned.
    fn value_of(&self, made: &Value) -> lapidary_core::Result<f64> {
        match made {
            Value::Number(n) => Ok(*n),
            Value::Integer(n) => Ok(*n as f64),
            other => match model_of(other) {
                Some(model) => self.of_history(model.recommender.history()),
                None => Err(not_returned(other)),
            },
        }
    }

    /// Checks what the script's function returned in a dry run.
    fn check(&self, made: &Value) -> lapidary_core::Result<()> {
        match (made, model_of(made)) {
            (Value::Number(_) | Value::Integer(_), _) => Ok(()),
            (_, Some(model)) => {
                let known = &model.recommender.validated;
                match known.contains(&self.wanted.metric) {
                    true => Ok(()),
                    false => Err(self.not_validated(known)),
                }
            }
            (other, None) => Err(not_returned(other)),
        }
    }

    fn not_validated(&self, known: &[Metric]) -> Error {
        let known: Vec<String> = known.iter().map(|m| format!("`{m}`")).collect();
        let reason = format!(
            "`{}` is not computed on validation, only {}; name it in `report` of `fit`, or search by another",
            self.wanted.metric,
            known.join(", ")
        );
        Error::setting("search.metric", reason)
    }

    /// The metric at the epoch whose weights the model has.
    fn of_history(&self, history: Option<&History>) -> lapidary_core::Result<f64> {
        let metric = self.wanted.metric;
        let best = history.and_then(|h| h.epochs.iter().find(|e| e.epoch == h.best_epoch));
        let known = best.map_or(&[][..], |epoch| &epoch.validation);
        let found = known.iter().find(|(name, _)| *name == metric);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<Metric> = known.iter().map(|(metric, _)| *metric).collect();
            self.not_validated(&known)
        })
    }

    fn value(&self, trial: usize) -> Option<f64> {
        self.rows[trial].reached.map(|(_, value)| value)
    }

    /// Trials from the best on: those that came further first, then by value; equal ones in their order.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        let key = |&t: &usize| self.rows[t].reached.unwrap_or((0, f64::NEG_INFINITY));
        let failed = |&t: &usize| self.rows[t].failed.is_some();
        order.sort_by(|a, b| {
            let ((epochs, value), (more, higher)) = (key(a), key(b));
            let further = more.cmp(&epochs).then(higher.total_cmp(&value));
            failed(a).cmp(&failed(b)).then(further)
        });
        order
    }

    fn all_failed(&self) -> Error {
        let first = self.rows.iter().find_map(|row| row.failed.as_deref());
        let reason = format!(
            "all {} trials failed, the first because: {}",
            self.rows.len(),
            first.unwrap_or_default()
        );
        Error::setting("search", reason)
    }

    fn table(&self) -> lapidary_core::Result<RunTable> {
        let metric = self.wanted.metric.to_string();
        let mut head = vec!["trial".to_owned()];
        head.extend(self.names.iter().cloned());
        head.extend(["epochs".to_owned(), metric, "note".to_owned()]);
        let mut table = RunTable::new(head);
        let best = self.best.as_ref().map(|(best, _)| *best);
        for trial in self.order() {
            let row = &self.rows[trial];
            let mut cells = vec![(trial + 1).to_string()];
            let text = |value: &Json| match value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            cells.extend(
                self.names
                    .iter()
                    .map(|n| row.settings.get(n).map_or(String::new(), text)),
            );
            let reached = row.reached.map(|(n, v)| [n.to_string(), format!("{v:.4}")]);
            cells.extend(reached.unwrap_or_default());
            cells.push(match &row.failed {
                Some(reason) => format!("failed: {reason}"),
                None if best == Some(trial) => "best".to_owned(),
                None => String::new(),
            });
            table.row(cells)?;
        }
        Ok(table)
    }

    fn report(&self) -> lapidary_core::Result<()> {
        let folder = &self.session.context.folder;
        folder.write_table(&self.wanted.name, &self.table()?)
    }
}

/// The model that the script's function returned, if it did.
fn model_of(made: &Value) -> Option<ModelHandle> {
    let Value::UserData(data) = made else {
        return None;
    };
    if let Ok(model) = data.borrow::<ModelHandle>() {
        return Some(model.clone());
    }
    let base = data.borrow::<BaseHandle>().ok()?;
    base.model().cloned()
}

fn not_returned(made: &Value) -> Error {
    let reason = format!(
        "`run` must return a trained model, a base with one, or a number; it returned {}",
        show(made)
    );
    Error::setting("search", reason)
}

/// Why a trial failed, where that may come from its settings; none for what would stop every trial.
fn own_fault(error: &mlua::Error) -> Option<String> {
    let mut cause = error;
    while let mlua::Error::CallbackError { cause: inner, .. } = cause {
        cause = inner;
    }
    match cause.downcast_ref::<Error>()? {
        own @ (Error::NotFinite(_)
        | Error::Setting { .. }
        | Error::Shape { .. }
        | Error::Tensor(_)
        | Error::Component { .. }) => own.to_string().lines().next().map(str::to_owned),
        _ => None,
    }
}

/// A finished search; in a dry run its first trial was checked.
pub(super) struct SearchHandle {
    search: Search,
}

impl SearchHandle {
    fn best(&self) -> usize {
        self.search.best.as_ref().map_or(0, |(best, _)| *best)
    }

    fn trials(&self) -> Json {
        let rows = self.search.rows.iter();
        let trials = rows.map(|row| {
            let (epochs, value) = row.reached.unzip();
            json!({"settings": row.settings, "epochs": epochs, "value": value, "failed": row.failed})
        });
        trials.collect()
    }

    fn text(&self) -> lapidary_core::Result<String> {
        match self.search.session.context.dry_run {
            true => Ok("dry run: one trial was checked".to_owned()),
            false => Ok(self.search.table()?.markdown()),
        }
    }
}

impl Object for SearchHandle {
    const NAME: &'static str = "a search";
    const RECEIVER: &'static str = "found";
    const FROM: &'static str = "lapidary.search { … }";
    const MEMBERS: &'static [&'static str] = &["best", "value", "model", "trials"];
}

impl UserData for SearchHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("best", |lua, s| {
            to_lua(lua, &s.search.rows[s.best()].settings)
        });
        fields.add_field_method_get("value", |_, s| Ok(s.search.value(s.best())));
        fields.add_field_method_get("model", |_, s| {
            Ok(s.search.best.as_ref().map(|(_, made)| made.clone()))
        });
        fields.add_field_method_get("trials", |lua, s| to_lua(lua, &s.trials()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_meta_method(MetaMethod::ToString, |_, s, ()| s.text().map_err(raise));
    }
}
