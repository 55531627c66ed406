//! Base embeddings and their refinement.

use std::rc::Rc;

use lapidary_core::pipeline::{BaseEmbedding, RefinedEmbedding, refine};
use lapidary_core::refine::RefineSettings;
use lapidary_core::{Error, settings};
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value};
use tch::Tensor;

use super::component::ReducerHandle;
use super::data::CasesHandle;
use super::evaluation::EvaluationHandle;
use super::guided::GuidedHandle;
use super::model::ModelHandle;
use super::tensor::TensorHandle;
use crate::convert::{raise, settings_but, take_seed, to_lua};
use crate::object::{Arg, Object, name_it, refuse_others, unexpected};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let refine = move |_: &Lua, given: Table| RefinedHandle::new(&s, &given);
    api.raw_set("refine", lua.create_function(refine)?)
}

/// A base embedding: an item table, and the model that learned it where there is one.
pub(super) struct BaseHandle {
    session: Rc<Session>,
    base: BaseEmbedding,
    model: Option<ModelHandle>,
}

impl BaseHandle {
    pub fn new(session: &Rc<Session>, base: BaseEmbedding, model: Option<ModelHandle>) -> Self {
        Self {
            session: Rc::clone(session),
            base,
            model,
        }
    }

    /// The model that learned it, where there is one.
    pub fn model(&self) -> Option<&ModelHandle> {
        self.model.as_ref()
    }

    fn tensor(&self, lua: &Lua, table: Option<&Tensor>) -> mlua::Result<Option<TensorHandle>> {
        let hand = |t: &Tensor| TensorHandle::new(lua, &self.session.heap, Ok(t.shallow_clone()));
        table.map(hand).transpose()
    }

    fn evaluate(
        &self,
        cases: &CasesHandle,
        given: Option<&Table>,
    ) -> mlua::Result<EvaluationHandle> {
        let model = self.model.as_ref().ok_or_else(|| {
            let reason = "this base embedding has no model; fit a backbone on it";
            raise(Error::setting("evaluate", reason))
        })?;
        EvaluationHandle::of_model(model, cases, given)
    }
}

impl Object for BaseHandle {
    const NAME: &'static str = "a base embedding";
    const RECEIVER: &'static str = "base";
    const FROM: &'static str = "embedder:fit(split)";
    const MEMBERS: &'static [&'static str] =
        &["dim", "fingerprint", "model", "table", "users", "evaluate"];
}

impl UserData for BaseHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("dim", |_, b| Ok(b.base.dim));
        fields.add_field_method_get("fingerprint", |_, b| Ok(b.base.fingerprint.to_string()));
        fields.add_field_method_get("model", |_, b| Ok(b.model.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("table", |lua, b, ()| b.tensor(lua, b.base.items.as_ref()));
        methods.add_method("users", |lua, b, ()| b.tensor(lua, b.base.users.as_ref()));
        methods.add_method(
            "evaluate",
            |_, b, (cases, given): (Arg<CasesHandle>, Option<Table>)| {
                b.evaluate(&cases, given.as_ref())
            },
        );
    }
}

/// A refined embedding; without values in a dry run.
pub(super) struct RefinedHandle {
    pub refined: RefinedEmbedding,
}

impl RefinedHandle {
    fn new(session: &Session, given: &Table) -> mlua::Result<Self> {
        let base = part::<BaseHandle>(given, "base")?;
        let base = base.ok_or_else(|| raise(Error::setting("refine", "`base` is missing")))?;
        let reducer = part::<ReducerHandle>(given, "reducer")?;
        let guided = part::<GuidedHandle>(given, "guided")?;
        let mut rest = settings_but(Some(given), &["base", "reducer", "guided"], "refine")?;
        let made = || -> lapidary_core::Result<RefinedEmbedding> {
            let seed = take_seed(&mut rest, session.context.seed, "refine")?;
            let settings = settings::read_checked(rest, "refine", RefineSettings::problems)?;
            refine(
                &session.context,
                &base.base,
                reducer.as_ref().map(|r| &r.chosen),
                guided.as_ref().map(|g| &g.guided),
                &settings,
                seed,
            )
        };
        Ok(Self {
            refined: made().map_err(raise)?,
        })
    }
}

/// The value of type `T` under a key of a table, if there is one.
fn part<T: Object>(given: &Table, key: &str) -> mlua::Result<Option<UserDataRef<T>>> {
    match given.raw_get(key)? {
        Value::Nil => Ok(None),
        Value::UserData(data) if data.is::<T>() => data.borrow::<T>().map(Some),
        other => Err(unexpected::<T>(&format!("refine, `{key}`"), &other)),
    }
}

impl Object for RefinedHandle {
    const NAME: &'static str = "a refined embedding";
    const RECEIVER: &'static str = "refined";
    const FROM: &'static str = "lapidary.refine { base = … }";
    const MEMBERS: &'static [&'static str] = &["dim", "attributes", "fingerprint", "report"];
}

impl UserData for RefinedHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("dim", |_, r| Ok(r.refined.dim));
        fields.add_field_method_get("attributes", |_, r| Ok(r.refined.attributes.clone()));
        fields.add_field_method_get("fingerprint", |_, r| Ok(r.refined.fingerprint.to_string()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("report", |lua, r, ()| to_lua(lua, &r.refined.report));
    }
}
