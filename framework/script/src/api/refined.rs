//! Base embeddings and their refinement.

use std::rc::Rc;

use lapidary_core::Error;
use lapidary_core::fingerprint::{Builder, Fingerprint};
use lapidary_core::guidance::GuidedScores;
use lapidary_core::refine::{Embedding, RefineSettings, Refined, combine};
use lapidary_sdk::kinds::ReducerContext;
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value};
use serde_json::json;
use tch::Tensor;

use super::component::{ReducerHandle, given_settings};
use super::data::CasesHandle;
use super::evaluation;
use super::guided::GuidedHandle;
use super::model::{Guidance, ModelHandle};
use super::tensor::TensorHandle;
use crate::convert::{from_json, raise, show, to_lua};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let refine = move |_: &Lua, given: Table| refine(&s, given);
    api.raw_set("refine", lua.create_function(refine)?)
}

/// A base embedding: an item table, and the model that learned it where there is one.
pub(super) struct BaseHandle {
    session: Rc<Session>,
    fingerprint: Fingerprint,
    table: Option<Tensor>,
    dim: i64,
    n_items: usize,
    model: Option<ModelHandle>,
}

impl BaseHandle {
    /// The item table of a trained model.
    pub fn of_model(model: ModelHandle, dim: i64) -> lapidary_core::Result<Self> {
        Ok(Self {
            session: Rc::clone(&model.parts().session),
            fingerprint: model.fingerprint().clone(),
            table: model.trained_table(),
            dim,
            n_items: model.parts().split.n_items,
            model: Some(model),
        })
    }

    /// A table without a model.
    pub fn of_table(
        session: &Rc<Session>,
        fingerprint: Fingerprint,
        table: Option<Tensor>,
        dim: i64,
        n_items: usize,
    ) -> Self {
        Self {
            session: Rc::clone(session),
            fingerprint,
            table,
            dim,
            n_items,
            model: None,
        }
    }
}

impl UserData for BaseHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("dim", |_, b| Ok(b.dim));
        fields.add_field_method_get("fingerprint", |_, b| Ok(b.fingerprint.to_string()));
        fields.add_field_method_get("model", |_, b| Ok(b.model.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("table", |lua, b, ()| {
            let table = b.table.as_ref();
            table
                .map(|t| TensorHandle::new(lua, &b.session.heap, Ok(t.shallow_clone())))
                .transpose()
        });
        methods.add_method(
            "evaluate",
            |_, b, (cases, given): (CasesHandle, Option<Table>)| {
                let model = b.model.as_ref().ok_or_else(|| {
                    let reason = "this base embedding has no model; fit a backbone on it";
                    raise(Error::setting("evaluate", reason))
                })?;
                let given = given_settings(given, "evaluate")?;
                evaluation::of_model(model, &cases, given).map_err(raise)
            },
        );
    }
}

/// A refined embedding; without values in a dry run.
pub(super) struct RefinedHandle {
    pub fingerprint: Fingerprint,
    pub dim: i64,
    refined: Option<Rc<Embedding>>,
    report: serde_json::Value,
    scores: Option<Rc<GuidedScores>>,
    attributes: Vec<String>,
}

impl RefinedHandle {
    /// What training starts from.
    pub fn embedding(&self) -> lapidary_core::Result<Rc<Embedding>> {
        self.refined
            .clone()
            .ok_or_else(|| Error::setting("refine", "nothing was refined in a dry run"))
    }

    /// What explanations need of the guided scores.
    pub fn guidance(&self) -> Guidance {
        Guidance {
            attributes: self.attributes.clone(),
            scores: self.scores.clone(),
        }
    }
}

impl UserData for RefinedHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("dim", |_, r| Ok(r.dim));
        fields.add_field_method_get("attributes", |_, r| Ok(r.attributes.clone()));
        fields.add_field_method_get("fingerprint", |_, r| Ok(r.fingerprint.to_string()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("report", |lua, r, ()| to_lua(lua, &r.report));
    }
}

/// Takes a userdata of type `T` out of a table of settings.
fn part<T: 'static>(given: &Table, key: &str) -> mlua::Result<Option<UserDataRef<T>>> {
    let value: Value = given.raw_get(key)?;
    given.raw_set(key, Value::Nil)?;
    match value {
        Value::Nil => Ok(None),
        Value::UserData(data) if data.is::<T>() => data.borrow::<T>().map(Some),
        other => {
            let reason = format!(
                "`{key}` is {}, which is not what stands there",
                show(&other)
            );
            Err(raise(Error::setting("refine", reason)))
        }
    }
}

fn refine(session: &Rc<Session>, given: Table) -> mlua::Result<RefinedHandle> {
    let base = part::<BaseHandle>(&given, "base")?;
    let base = base.ok_or_else(|| raise(Error::setting("refine", "`base` is missing")))?;
    let reducer = part::<ReducerHandle>(&given, "reducer")?;
    let guided = part::<GuidedHandle>(&given, "guided")?;
    let given = given_settings(Some(given), "refine")?;
    let settings: RefineSettings = from_json(given, "refine").map_err(raise)?;
    refine_with(
        session,
        &base,
        reducer.as_deref(),
        guided.as_deref(),
        &settings,
    )
    .map_err(raise)
}

fn refine_with(
    session: &Rc<Session>,
    base: &BaseHandle,
    reducer: Option<&ReducerHandle>,
    guided: Option<&GuidedHandle>,
    settings: &RefineSettings,
) -> lapidary_core::Result<RefinedHandle> {
    let attributes: Vec<String> = guided.map_or_else(Vec::new, |g| {
        g.attributes
            .attributes
            .iter()
            .map(|a| a.name.clone())
            .collect()
    });
    let (_, reduced) = settings.widths(base.dim, attributes.len() as i64)?;
    let mut fingerprint = Builder::new("refined")
        .part("base", &base.fingerprint)
        .json("settings", &json!(settings));
    if let Some(reducer) = reducer {
        fingerprint = fingerprint.part("reducer", &reducer.chosen.fingerprint);
    }
    if let Some(guided) = guided {
        fingerprint = fingerprint.part("guided", &guided.fingerprint);
    }
    let fingerprint = fingerprint.text("seed", &session.seed.to_string()).finish();
    let inputs = json!({"reducer": reducer.map(|r| &r.chosen.name), "settings": settings, "items": base.n_items});
    let scores = guided.and_then(|g| g.scores.clone());
    let content = session.stage("refined", &fingerprint, inputs, |_| {
        let table = base
            .table
            .as_ref()
            .ok_or_else(|| Error::setting("refine", "the base embedding has no table"))?;
        let registry = session.registry.borrow();
        let context = ReducerContext { seed: session.seed };
        let mut made = reducer
            .map(|r| registry.reducer(&r.chosen.name, &r.chosen.settings, &context))
            .transpose()?;
        let made = made
            .as_mut()
            .map(|r| r.as_mut() as &mut dyn lapidary_sdk::kinds::Reducer);
        combine(table, made, scores.as_deref(), settings)?.to_content()
    })?;
    let refined = content.map(|c| Refined::from_content(&c)).transpose()?;
    let report = refined
        .as_ref()
        .map(|r| json!(r.report))
        .unwrap_or_default();
    Ok(RefinedHandle {
        fingerprint,
        dim: attributes.len() as i64 + reduced,
        refined: refined.map(|r| Rc::new(r.embedding)),
        report,
        scores,
        attributes,
    })
}
