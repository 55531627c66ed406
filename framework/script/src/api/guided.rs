//! Guided scores: those that a language model gave, and those that a script brings.

use std::rc::Rc;

use lapidary_core::Error;
use lapidary_core::guidance::agreement;
use lapidary_core::pipeline::{GuidedEmbedding, bring_scores};
use mlua::{FromLua, Lua, Table, UserData, UserDataFields, UserDataMethods, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::data::{Parts, SplitHandle};
use super::tensor::TensorHandle;
use crate::convert::{raise, read, to_lua};
use crate::object::{Arg, Object, name_it, refuse_others};

pub(super) fn install(lua: &Lua, api: &Table) -> mlua::Result<()> {
    let bring = |_: &Lua, (split, given): (Arg<SplitHandle>, Brought)| {
        let session = &split.parts.session;
        let items = given.items.map(|t| t.get()).transpose()?;
        let guided = bring_scores(
            &session.context,
            &split.parts.split,
            &given.attributes,
            items.as_deref(),
        );
        Ok(GuidedHandle::new(guided.map_err(raise)?, &split.parts))
    };
    api.raw_set("guided", lua.create_function(bring)?)
}

/// Scores that the script brings. `items` is missing in a dry run alone.
struct Brought {
    attributes: Vec<String>,
    items: Option<TensorHandle>,
}

impl FromLua for Brought {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        let table = Table::from_lua(value, lua)?;
        let keys = table.pairs::<String, Value>().map(|pair| Ok(pair?.0));
        for key in keys.collect::<mlua::Result<Vec<_>>>()? {
            if !["attributes", "items"].contains(&key.as_str()) {
                return Err(raise(Error::unknown(
                    "setting",
                    &key,
                    ["attributes", "items"],
                )));
            }
        }
        let attributes: Option<Vec<String>> = table.raw_get("attributes")?;
        Ok(Self {
            attributes: attributes.unwrap_or_default(),
            items: table.raw_get("items")?,
        })
    }
}

/// Which categories attributes are held against.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AgreementSettings {
    /// Items that must have a category, and as many that must lack it.
    least: usize,
}

impl Default for AgreementSettings {
    fn default() -> Self {
        Self { least: 20 }
    }
}

/// An attribute held against a category.
#[derive(Serialize)]
struct Agreement {
    attribute: String,
    category: String,
    items: usize,
    auc: f64,
}

/// Guided scores; none in a dry run.
pub(super) struct GuidedHandle {
    pub guided: GuidedEmbedding,
    parts: Rc<Parts>,
}

impl GuidedHandle {
    /// Scores of these parts.
    pub fn new(guided: GuidedEmbedding, parts: &Rc<Parts>) -> Self {
        Self {
            guided,
            parts: Rc::clone(parts),
        }
    }

    fn names(&self) -> Vec<String> {
        let attributes = self.guided.attributes.attributes.iter();
        attributes.map(|a| a.name.clone()).collect()
    }

    /// The items that score highest, or lowest, on an attribute.
    fn extremes(
        &self,
        attribute: &str,
        n: usize,
        lowest: bool,
    ) -> lapidary_core::Result<Vec<String>> {
        let names = self.names();
        let column = names.iter().position(|a| a == attribute);
        let column = column.ok_or_else(|| Error::unknown("attribute", attribute, &names))?;
        let Some(scores) = &self.guided.scores else {
            return Ok(Vec::new());
        };
        let order = scores
            .items
            .f_select(1, column as i64)?
            .f_argsort(0, !lowest)?;
        let order = Vec::<i64>::try_from(order.f_to_device(tch::Device::Cpu)?)?;
        let best = order.iter().take(n);
        best.map(|&i| self.parts.item_label(i as u32)).collect()
    }

    /// Every attribute held against every category that enough items have.
    fn agreement(&self, settings: &AgreementSettings) -> lapidary_core::Result<Vec<Agreement>> {
        let Some(scores) = &self.guided.scores else {
            return Ok(Vec::new());
        };
        let data = &self.parts.data;
        let of = |item: usize| Ok(data.item(item as u32)?.categories);
        let categories: Vec<Vec<String>> = (0..data.items())
            .map(of)
            .collect::<lapidary_core::Result<_>>()?;
        let names = self.names();
        let found = agreement::with_categories(&scores.items, &categories, settings.least)?;
        Ok(found
            .into_iter()
            .map(|a| Agreement {
                attribute: names[a.attribute].clone(),
                category: a.category,
                items: a.items,
                auc: a.auc,
            })
            .collect())
    }

    fn tensor(&self, lua: &Lua, table: Option<&Tensor>) -> mlua::Result<Option<TensorHandle>> {
        let heap = &self.parts.session.heap;
        let hand = |t: &Tensor| TensorHandle::new(lua, heap, Ok(t.shallow_clone()));
        table.map(hand).transpose()
    }
}

impl Object for GuidedHandle {
    const NAME: &'static str = "guided scores";
    const RECEIVER: &'static str = "guided";
    const FROM: &'static str = "prompt:score(llm, split)";
    const MEMBERS: &'static [&'static str] = &[
        "attributes",
        "fingerprint",
        "items",
        "users",
        "figures",
        "highest",
        "lowest",
        "agreement",
    ];
}

impl UserData for GuidedHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("attributes", |_, g| Ok(g.names()));
        fields.add_field_method_get("fingerprint", |_, g| Ok(g.guided.fingerprint.to_string()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("items", |lua, g, ()| {
            g.tensor(lua, g.guided.scores.as_ref().map(|s| &s.items))
        });
        methods.add_method("users", |lua, g, ()| {
            let scores = g.guided.scores.as_ref();
            g.tensor(lua, scores.and_then(|s| s.users.as_ref()))
        });
        methods.add_method("figures", |lua, g, ()| {
            to_lua(lua, &g.guided.scores.as_ref().map(|s| &s.figures))
        });
        methods.add_method("highest", |_, g, (attribute, n): (String, usize)| {
            g.extremes(&attribute, n, false).map_err(raise)
        });
        methods.add_method("lowest", |_, g, (attribute, n): (String, usize)| {
            g.extremes(&attribute, n, true).map_err(raise)
        });
        methods.add_method("agreement", |lua, g, given: Option<Table>| {
            let settings: AgreementSettings = read(given.as_ref(), "agreement")?;
            to_lua(lua, &g.agreement(&settings).map_err(raise)?)
        });
    }
}
