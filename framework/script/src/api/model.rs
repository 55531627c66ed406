//! Trained models: asking them, and asking why.

use std::rc::Rc;

use lapidary_core::pipeline::{Recommended, Recommender, same_split};
use lapidary_core::rank::Query;
use lapidary_core::{Error, Result, settings};
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value};
use serde::{Deserialize, Serialize};

use super::data::{CasesHandle, Parts};
use super::evaluation::EvaluationHandle;
use super::tensor::TensorHandle;
use crate::convert::{raise, settings_but, to_lua};
use crate::object::{Arg, Object, name_it, refuse_others, unexpected};

/// A trained model; without values in a dry run.
#[derive(Clone)]
pub(super) struct ModelHandle {
    parts: Rc<Parts>,
    pub recommender: Rc<Recommender>,
}

/// How many items are recommended.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RecommendSettings {
    k: usize,
}

impl Default for RecommendSettings {
    fn default() -> Self {
        Self { k: 10 }
    }
}

/// Settings of which there are none.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

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
        let history = match before {
            None => split.sequences.of(number as usize),
            Some(cases) => {
                let splits = [&split.fingerprint, &cases.parts.split.fingerprint];
                same_split("before", ["the model", "`before`"], splits)?;
                let name = cases.set.name();
                let case = split.cases(cases.set).iter().find(|c| c.user == number);
                let missing = || {
                    let reason = format!("user `{user}` has no {name} case");
                    Error::setting("before", reason)
                };
                split.asked(cases.set).history(*case.ok_or_else(missing)?)
            }
        };
        Ok(Query {
            user: Some(number),
            history,
        })
    }

    fn recommend(&self, lua: &Lua, user: &str, given: Option<&Table>) -> mlua::Result<Table> {
        let cases = before(given, "recommend")?;
        let rest = settings_but(given, &["before"], "recommend")?;
        let best = || -> Result<Vec<Recommended>> {
            let wanted: RecommendSettings = settings::read(rest, "recommend")?;
            let query = self.query(user, cases.as_deref())?;
            self.recommender.recommend(query, wanted.k)
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
            settings::read::<Nothing>(rest, "explain")?;
            let query = self.query(user, cases.as_deref())?;
            let item = self.parts.data.find_item(item)?;
            self.recommender.explain(query, item)
        };
        to_lua(lua, &reasons().map_err(raise)?)
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
    const FROM: &'static str = "backbone:fit(split, refined)";
    const MEMBERS: &'static [&'static str] = &[
        "fingerprint",
        "attributes",
        "history",
        "item_table",
        "recommend",
        "explain",
        "evaluate",
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
    }
}
