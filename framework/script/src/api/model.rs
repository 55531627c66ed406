//! Trained models: asking them, and asking why.

use std::rc::Rc;

use lapidary_core::pipeline::{Recommended, Recommender, faithfulness, same_split, steering};
use lapidary_core::rank::Query;
use lapidary_core::reason::{FaithfulnessSettings, Steer, SteeringSettings};
use lapidary_core::settings::{self, OutOfRange, out_of_range};
use lapidary_core::{Error, Result};
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::{CasesHandle, Parts};
use super::evaluation::EvaluationHandle;
use super::tensor::TensorHandle;
use crate::convert::{
    raise, read_checked, settings_but, settings_of, take_seed, to_lua, to_lua_with_text,
};
use crate::object::{Arg, Object, name_it, refuse_others, unexpected};

/// A trained model; without values in a dry run.
#[derive(Clone)]
pub(super) struct ModelHandle {
    parts: Rc<Parts>,
    pub recommender: Rc<Recommender>,
}

/// How many items are recommended, to whom.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RecommendSettings {
    k: usize,
    steer: Steer,
}

impl Default for RecommendSettings {
    fn default() -> Self {
        Self {
            k: 10,
            steer: Steer::default(),
        }
    }
}

impl RecommendSettings {
    fn problems(&self) -> Vec<OutOfRange> {
        out_of_range([("k", self.k > 0, "at least 1")])
    }
}

/// To whom an item is explained.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExplainSettings {
    steer: Steer,
}

impl ModelHandle {
    pub fn new(parts: &Rc<Parts>, recommender: Recommender) -> Self {
        Self {
            parts: Rc::clone(parts),
            recommender: Rc::new(recommender),
        }
    }

    /// A user and what they did before the target of `before`, or altogether.
    fn query(&self, user: &str, before: Option<&CasesHandle>) -> Result<Query<'_>> {
        let split = &self.parts.split;
        let number = self.parts.data.find_user(user)?;
        if let Some(cases) = before {
            let splits = [&split.fingerprint, &cases.parts.split.fingerprint];
            same_split("before", ["the model", "`before`"], splits)?;
        }
        let set = before.map(|cases| cases.set);
        Query::of(split, number, set).ok_or_else(|| {
            let name = set.map_or("", |set| set.name());
            Error::setting("before", format!("user `{user}` has no {name} case"))
        })
    }

    fn recommend(&self, lua: &Lua, user: &str, given: Option<&Table>) -> mlua::Result<Table> {
        let cases = before(given, "recommend")?;
        let rest = settings_but(given, &["before"], "recommend")?;
        let best = || -> Result<Vec<Recommended>> {
            let wanted = settings::read_checked(rest, "recommend", RecommendSettings::problems)?;
            let query = self.query(user, cases.as_deref())?;
            self.recommender.recommend(query, wanted.k, &wanted.steer)
        };
        let list = lua.create_table()?;
        for Recommended { item, score } in best().map_err(raise)? {
            let row = lua.create_table()?;
            row.raw_set("item", self.parts.data.item_id(item).map_err(raise)?)?;
            row.raw_set("title", self.parts.item_label(item).map_err(raise)?)?;
            row.raw_set("score", score)?;
            list.raw_push(row)?;
        }
        Ok(list)
    }

    fn explain(
        &self,
        lua: &Lua,
        user: &str,
        item: &str,
        given: Option<&Table>,
    ) -> mlua::Result<Value> {
        let cases = before(given, "explain")?;
        let rest = settings_but(given, &["before"], "explain")?;
        let reasons = || {
            let wanted: ExplainSettings = settings::read(rest, "explain")?;
            let query = self.query(user, cases.as_deref())?;
            let item = self.parts.data.find_item(item)?;
            self.recommender.explain(query, item, &wanted.steer)
        };
        to_lua(lua, &reasons().map_err(raise)?)
    }

    fn faithfulness(
        &self,
        lua: &Lua,
        cases: &CasesHandle,
        given: Option<&Table>,
    ) -> mlua::Result<Value> {
        let mut rest = settings_of(given, "faithfulness")?;
        let found = || {
            let context = &self.parts.session.context;
            let seed = take_seed(&mut rest, context.seed, "faithfulness")?;
            let wanted =
                settings::read_checked(rest, "faithfulness", FaithfulnessSettings::problems)?;
            let wanted = FaithfulnessSettings { seed, ..wanted };
            let split = &cases.parts.split;
            faithfulness(context, &self.recommender, split, cases.set, &wanted)
        };
        to_lua_with_text(lua, found().map_err(raise)?.as_ref())
    }

    fn steering(
        &self,
        lua: &Lua,
        cases: &CasesHandle,
        given: Option<&Table>,
    ) -> mlua::Result<Value> {
        let wanted = read_checked(given, "steering", SteeringSettings::problems)?;
        let (context, split) = (&self.parts.session.context, &cases.parts.split);
        let found = steering(context, &self.recommender, split, cases.set, &wanted);
        to_lua_with_text(lua, found.map_err(raise)?.as_ref())
    }
}

/// The cases under `before`, if there are any.
fn before(given: Option<&Table>, place: &str) -> mlua::Result<Option<UserDataRef<CasesHandle>>> {
    let Some(table) = given else { return Ok(None) };
    match table.raw_get("before")? {
        Value::Nil => Ok(None),
        Value::UserData(data) if data.is::<CasesHandle>() => data.borrow().map(Some),
        other => Err(unexpected::<CasesHandle>(
            &format!("{place}, `before`"),
            &other,
        )),
    }
}

impl Object for ModelHandle {
    const NAME: &'static str = "a model";
    const RECEIVER: &'static str = "model";
    const FROM: &'static str = "backbone:fit(split, refined)";
    const MEMBERS: &'static [&'static str] = &[
        "fingerprint",
        "attributes",
        "history",
        "item_table",
        "recommend",
        "explain",
        "evaluate",
        "faithfulness",
        "steering",
    ];
}

impl UserData for ModelHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("fingerprint", |_, m| {
            Ok(m.recommender.fingerprint.to_string())
        });
        fields.add_field_method_get("attributes", |_, m| Ok(m.recommender.attributes.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("history", |lua, m, ()| {
            to_lua(lua, &m.recommender.history())
        });
        methods.add_method("item_table", |lua, m, ()| {
            let heap = &m.parts.session.heap;
            let model = m.recommender.model();
            model
                .map(|model| TensorHandle::new(lua, heap, model.item_table().f_detach()))
                .transpose()
        });
        methods.add_method(
            "recommend",
            |lua, m, (user, given): (String, Option<Table>)| {
                m.recommend(lua, &user, given.as_ref())
            },
        );
        methods.add_method(
            "explain",
            |lua, m, (user, item, given): (String, String, Option<Table>)| {
                m.explain(lua, &user, &item, given.as_ref())
            },
        );
        methods.add_method(
            "evaluate",
            |_, m, (cases, given): (Arg<CasesHandle>, Option<Table>)| {
                EvaluationHandle::of_model(m, &cases, given.as_ref())
            },
        );
        methods.add_method(
            "faithfulness",
            |lua, m, (cases, given): (Arg<CasesHandle>, Option<Table>)| {
                m.faithfulness(lua, &cases, given.as_ref())
            },
        );
        methods.add_method(
            "steering",
            |lua, m, (cases, given): (Arg<CasesHandle>, Option<Table>)| {
                m.steering(lua, &cases, given.as_ref())
            },
        );
    }
}
