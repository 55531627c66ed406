//! Guided scores: a prompt strategy asks a language model about items and users.

use std::rc::Rc;

use lapidary_core::data::Dataset;
use lapidary_core::guidance::{ProposeSettings, attributes};
use lapidary_core::pipeline::{
    GuideSettings, GuidedEmbedding, LanguageModel, PromptStrategy, guide, propose,
};
use lapidary_core::{Error, settings};
use lapidary_sdk::Kind;
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods};
use serde_json::Value as Json;
use tch::Tensor;

use super::component::LlmHandle;
use super::data::{Parts, SplitHandle};
use super::tensor::TensorHandle;
use crate::convert::{raise, read, settings_of, take, take_seed, to_lua};
use crate::object::{Arg, Object, name_it, refuse_others};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let prompt = move |_: &Lua, (name, given): (String, Option<Table>)| {
        PromptHandle::new(&s, &name, settings_of(given.as_ref(), &name)?).map_err(raise)
    };
    api.raw_set("prompt", lua.create_function(prompt)?)
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
    ) -> lapidary_core::Result<GuidedHandle> {
        let (context, Parts { data, split, .. }) = (&self.session.context, parts.as_ref());
        Ok(GuidedHandle {
            guided: guide(context, &llm.llm, &self.strategy, data, split, settings)?,
            parts: Rc::clone(parts),
        })
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
    const MEMBERS: &'static [&'static str] = &["score"];
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
                let given: GuideSettings = read(given.as_ref(), "score")?;
                p.score(&llm, &split.parts, &given).map_err(raise)
            },
        );
    }
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
    }
}
