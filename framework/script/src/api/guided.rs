//! Guided scores: a prompt strategy asks a language model about items and users.

use std::rc::Rc;

use lapidary_core::data::Dataset;
use lapidary_core::guidance::{ProposeSettings, agreement, attributes};
use lapidary_core::pipeline::{
    GuideSettings, GuidedEmbedding, LanguageModel, PromptStrategy, bring_scores, fine_tune, guide,
    guide_users, propose,
};
use lapidary_core::tune::TuneSettings;
use lapidary_core::{Error, settings};
use lapidary_sdk::Kind;
use mlua::{FromLua, Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tch::Tensor;

use super::component::LlmHandle;
use super::data::{Parts, SplitHandle};
use super::tensor::TensorHandle;
use super::tuned::TunedHandle;
use crate::convert::{raise, read, settings_but, settings_of, take, take_seed, to_lua};
use crate::object::{Arg, Object, name_it, refuse_others, unexpected};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let prompt = move |_: &Lua, (name, given): (String, Option<Table>)| {
        PromptHandle::new(&s, &name, settings_of(given.as_ref(), &name)?).map_err(raise)
    };
    api.raw_set("prompt", lua.create_function(prompt)?)?;
    let bring = |_: &Lua, (split, given): (Arg<SplitHandle>, Brought)| {
        let session = &split.parts.session;
        let items = given.items.map(|t| t.get()).transpose()?;
        let guided = bring_scores(
            &session.context,
            &split.parts.split,
            &given.attributes,
            items.as_deref(),
        );
        Ok(GuidedHandle {
            guided: guided.map_err(raise)?,
            parts: Rc::clone(&split.parts),
        })
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

/// A prompt strategy and the attributes it asks for.
struct PromptHandle {
    strategy: PromptStrategy,
    session: Rc<Session>,
}

impl PromptHandle {
    fn new(session: &Rc<Session>, name: &str, mut settings: Json) -> lapidary_core::Result<Self> {
        let Some(Json::String(file)) = take(&mut settings, "attributes") else {
            let reason = "`attributes` is missing: the TOML file of the attributes to score";
            return Err(Error::setting(name, reason));
        };
        let attributes = attributes::load(&session.find(&file)?)?;
        read_template(session, name, &mut settings)?;
        Ok(Self {
            strategy: PromptStrategy::new(&session.context, name, &settings, attributes)?,
            session: Rc::clone(session),
        })
    }

    fn score(
        &self,
        llm: &LlmHandle,
        parts: &Rc<Parts>,
        settings: &GuideSettings,
        items: Option<&GuidedEmbedding>,
    ) -> lapidary_core::Result<GuidedHandle> {
        let (context, Parts { data, split, .. }) = (&self.session.context, parts.as_ref());
        let (llm, strategy) = (&llm.llm, &self.strategy);
        let guided = match items {
            Some(items) => guide_users(context, llm, strategy, data, split, settings, items),
            None => guide(context, llm, strategy, data, split, settings),
        };
        Ok(GuidedHandle {
            guided: guided?,
            parts: Rc::clone(parts),
        })
    }

    fn fine_tune(
        &self,
        llm: &LlmHandle,
        parts: &Rc<Parts>,
        guided: &GuidedHandle,
        mut given: Json,
    ) -> lapidary_core::Result<TunedHandle> {
        let (context, Parts { data, split, .. }) = (&self.session.context, parts.as_ref());
        let seed = take_seed(&mut given, context.seed, "fine_tune")?;
        let settings: TuneSettings = settings::read(given, "fine_tune")?;
        let settings = TuneSettings { seed, ..settings };
        let (strategy, guided) = (&self.strategy, &guided.guided);
        let tuned = fine_tune(context, &llm.llm, strategy, guided, data, split, &settings)?;
        Ok(TunedHandle::new(&self.session, tuned))
    }
}

/// What a script gets of a proposal: the file, its text, the attributes' names, and what was left out.
pub(super) fn propose_attributes(
    lua: &Lua,
    session: &Session,
    llm: &LanguageModel,
    data: &Dataset,
    given: Option<&Table>,
) -> mlua::Result<Option<Table>> {
    let mut given = settings_of(given, "propose_attributes")?;
    let made = || -> lapidary_core::Result<_> {
        let seed = take_seed(&mut given, session.context.seed, "propose_attributes")?;
        let settings: ProposeSettings = settings::read(given, "propose_attributes")?;
        let Some(made) = propose(&session.context, llm, data, &settings, seed)? else {
            return Ok(None);
        };
        let path = session
            .context
            .folder
            .write_text(&settings.name, &made.file)?;
        Ok(Some((made, path)))
    };
    let Some((made, path)) = made().map_err(raise)? else {
        return Ok(None);
    };
    for why in &made.proposal.dropped {
        tracing::warn!("a proposed attribute was left out: {why}");
    }
    let names = made.proposal.set.attributes.iter().map(|a| a.name.as_str());
    let table = lua.create_table()?;
    table.raw_set("file", path.display().to_string())?;
    table.raw_set("text", made.file.as_str())?;
    table.raw_set("attributes", lua.create_sequence_from(names)?)?;
    table.raw_set("dropped", made.proposal.dropped)?;
    Ok(Some(table))
}

/// Puts a template file's text in place of its name, for strategies that take one: they see no files.
fn read_template(session: &Session, name: &str, settings: &mut Json) -> lapidary_core::Result<()> {
    let entry = session.context.registry.entry(Kind::PromptStrategy, name)?;
    let takes_file = !entry.description.settings["properties"]["template_name"].is_null();
    let Some(Json::String(file)) = settings.get("template").filter(|_| takes_file) else {
        return Ok(());
    };
    let path = session.find(file)?;
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    settings["template_name"] = file.as_str().into();
    settings["template"] = text.into();
    Ok(())
}

impl Object for PromptHandle {
    const NAME: &'static str = "a prompt strategy";
    const FROM: &'static str = "lapidary.prompt(name, { attributes = file })";
    const MEMBERS: &'static [&'static str] = &["score", "fine_tune"];
}

impl UserData for PromptHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method(
            "score",
            |_, p, (llm, split, given): (Arg<LlmHandle>, Arg<SplitHandle>, Option<Table>)| {
                let items = items(given.as_ref())?;
                let rest = settings_but(given.as_ref(), &["items"], "score")?;
                let rest: GuideSettings = settings::read(rest, "score").map_err(raise)?;
                let items = items.as_ref().map(|items| &items.guided);
                p.score(&llm, &split.parts, &rest, items).map_err(raise)
            },
        );
        methods.add_method(
            "fine_tune",
            |_,
             p,
             (llm, split, guided, given): (
                Arg<LlmHandle>,
                Arg<SplitHandle>,
                Arg<GuidedHandle>,
                Option<Table>,
            )| {
                let given = settings_of(given.as_ref(), "fine_tune")?;
                p.fine_tune(&llm, &split.parts, &guided, given)
                    .map_err(raise)
            },
        );
    }
}

/// The guided scores under `items`, if there are any.
fn items(given: Option<&Table>) -> mlua::Result<Option<UserDataRef<GuidedHandle>>> {
    let Some(table) = given else { return Ok(None) };
    match table.raw_get("items")? {
        Value::Nil => Ok(None),
        Value::UserData(data) if data.is::<GuidedHandle>() => data.borrow().map(Some),
        other => Err(unexpected::<GuidedHandle>("score, `items`", &other)),
    }
}

/// Which categories attributes are held against.
#[derive(Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AgreementSettings {
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
