//! Guided scores: a prompt strategy asks a language model about items and users.

use std::rc::Rc;

use lapidary_core::Error;
use lapidary_core::fingerprint::{Builder, Fingerprint};
use lapidary_core::guidance::{Cache, GuidedScores, Scorer, Users, attributes};
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::{AttributeSet, ItemText, PromptStrategyContext};
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::component::{LlmHandle, given_settings};
use super::data::{Parts, SplitHandle};
use super::tensor::TensorHandle;
use crate::convert::{from_json, raise, take, to_lua};
use crate::session::{Chosen, Session};

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let prompt = move |_: &Lua, (name, given): (String, Option<Table>)| {
        PromptHandle::new(&s, &name, given_settings(given, &name)?).map_err(raise)
    };
    api.raw_set("prompt", lua.create_function(prompt)?)
}

/// A prompt strategy and the attributes it asks for.
struct PromptHandle {
    chosen: Chosen,
    attributes: AttributeSet,
    session: Rc<Session>,
}

/// How scoring goes.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ScoreSettings {
    /// How users are scored.
    users: Users,
    /// Requests that are asked at once.
    batch: usize,
}

impl Default for ScoreSettings {
    fn default() -> Self {
        Self {
            users: Users::default(),
            batch: 64,
        }
    }
}

impl PromptHandle {
    fn new(session: &Rc<Session>, name: &str, mut settings: Json) -> lapidary_core::Result<Self> {
        let Some(Json::String(file)) = take(&mut settings, "attributes") else {
            let reason = "`attributes` is missing: the TOML file of the attributes to score";
            return Err(Error::setting(name, reason));
        };
        let attributes = attributes::load(&session.find(&file)?)?;
        let chosen = session.choose(Kind::PromptStrategy, name, &settings)?;
        // Made once here, so that a wrong template is found before any work.
        let context = PromptStrategyContext {
            attributes: attributes.clone(),
        };
        session
            .registry
            .borrow()
            .prompt_strategy(name, &chosen.settings, &context)?;
        Ok(Self {
            chosen,
            attributes,
            session: Rc::clone(session),
        })
    }

    fn score(
        &self,
        llm: &LlmHandle,
        parts: &Rc<Parts>,
        given: &ScoreSettings,
    ) -> lapidary_core::Result<GuidedHandle> {
        let session = &self.session;
        let set = json!(self.attributes);
        let mut handle = GuidedHandle {
            fingerprint: Builder::new("planned").finish(),
            attributes: Rc::new(self.attributes.clone()),
            scores: None,
            parts: Rc::clone(parts),
        };
        if session.dry_run {
            return Ok(handle);
        }
        let info = llm.info()?;
        handle.fingerprint = Builder::new("guided")
            .part("split", &parts.split.fingerprint)
            .part("strategy", &self.chosen.fingerprint)
            .part("llm", &llm.chosen.fingerprint)
            .text("model", &info.fingerprint)
            .json("attributes", &set)
            .json("users", &json!(given.users))
            .finish();
        let inputs = json!({"strategy": self.chosen.name, "settings": self.chosen.settings, "model": info, "users": given.users});
        let content = session.stage("guided", &handle.fingerprint, inputs, |_| {
            let context = PromptStrategyContext {
                attributes: self.attributes.clone(),
            };
            let strategy = session.registry.borrow().prompt_strategy(
                &self.chosen.name,
                &self.chosen.settings,
                &context,
            )?;
            let cache = Cache::open(&session.store.root().join("answers.sqlite"))?;
            let version = session
                .registry
                .borrow()
                .entry(Kind::PromptStrategy, &self.chosen.name)?
                .origin
                .version
                .clone();
            let scorer = Scorer {
                llm: llm.open()?,
                strategy: strategy.as_ref(),
                strategy_name: &format!("{} {version}", self.chosen.name),
                attributes: &self.attributes,
                cache: &cache,
                batch: given.batch,
            };
            // Read at once: an item stands in many histories, and a damaged text must stop the scoring.
            let texts: Vec<ItemText> = (0..parts.split.n_items as u32)
                .map(|item| parts.item_text(item))
                .collect::<lapidary_core::Result<_>>()?;
            let text = |item: u32| texts[item as usize].clone();
            scorer.score(&parts.split, &text, given.users)?.to_content()
        })?;
        handle.scores = content
            .map(|c| GuidedScores::from_content(&c).map(Rc::new))
            .transpose()?;
        Ok(handle)
    }
}

impl UserData for PromptHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method(
            "score",
            |_,
             p,
             (llm, split, given): (
                UserDataRef<LlmHandle>,
                UserDataRef<SplitHandle>,
                Option<Table>,
            )| {
                let given: ScoreSettings =
                    from_json(given_settings(given, "score")?, "score").map_err(raise)?;
                p.score(&llm, &split.parts, &given).map_err(raise)
            },
        );
    }
}

/// Guided scores; none in a dry run.
pub(super) struct GuidedHandle {
    pub fingerprint: Fingerprint,
    pub attributes: Rc<AttributeSet>,
    pub scores: Option<Rc<GuidedScores>>,
    parts: Rc<Parts>,
}

impl GuidedHandle {
    /// The items that score highest, or lowest, on an attribute.
    fn extremes(
        &self,
        attribute: &str,
        n: usize,
        lowest: bool,
    ) -> lapidary_core::Result<Vec<String>> {
        let names: Vec<&str> = self
            .attributes
            .attributes
            .iter()
            .map(|a| a.name.as_str())
            .collect();
        let column = names.iter().position(|a| *a == attribute);
        let column = column.ok_or_else(|| Error::unknown("attribute", attribute, &names))?;
        let Some(scores) = &self.scores else {
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
}

impl UserData for GuidedHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("attributes", |_, g| {
            Ok(g.attributes
                .attributes
                .iter()
                .map(|a| a.name.clone())
                .collect::<Vec<_>>())
        });
        fields.add_field_method_get("fingerprint", |_, g| Ok(g.fingerprint.to_string()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("items", |lua, g, ()| {
            let scores = g.scores.as_ref();
            scores
                .map(|s| TensorHandle::new(lua, &g.parts.session.heap, Ok(s.items.shallow_clone())))
                .transpose()
        });
        methods.add_method("users", |lua, g, ()| {
            let users = g.scores.as_ref().and_then(|s| s.users.as_ref());
            users
                .map(|u| TensorHandle::new(lua, &g.parts.session.heap, Ok(u.shallow_clone())))
                .transpose()
        });
        methods.add_method("figures", |lua, g, ()| {
            let figures = g.scores.as_ref().map(|s| json!(s.figures));
            to_lua(lua, &figures.unwrap_or_default())
        });
        methods.add_method("highest", |_, g, (attribute, n): (String, usize)| {
            g.extremes(&attribute, n, false).map_err(raise)
        });
        methods.add_method("lowest", |_, g, (attribute, n): (String, usize)| {
            g.extremes(&attribute, n, true).map_err(raise)
        });
    }
}
