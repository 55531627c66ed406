//! Prompt strategies: they ask a language model about items and users, and fine-tune it.

use std::rc::Rc;

use lapidary_core::guidance::attributes;
use lapidary_core::pipeline::{
    GuideSettings, GuidedEmbedding, PromptStrategy, fine_tune, guide, guide_users,
};
use lapidary_core::tune::TuneSettings;
use lapidary_core::{Error, settings};
use lapidary_sdk::Kind;
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value};
use serde_json::Value as Json;

use super::component::LlmHandle;
use super::data::{Parts, SplitHandle};
use super::guided::GuidedHandle;
use super::tuned::TunedHandle;
use crate::convert::{raise, settings_but, settings_of, take, take_seed};
use crate::object::{Arg, Object, name_it, refuse_others, unexpected};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let prompt = move |_: &Lua, (name, given): (String, Option<Table>)| {
        PromptHandle::new(&s, &name, settings_of(given.as_ref(), &name)?).map_err(raise)
    };
    api.raw_set("prompt", lua.create_function(prompt)?)
}

/// A prompt strategy and the attributes it asks for.
pub(super) struct PromptHandle {
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
        Ok(GuidedHandle::new(guided?, parts))
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
        let settings = settings::read_checked(given, "fine_tune", TuneSettings::problems)?;
        let settings = TuneSettings { seed, ..settings };
        let (strategy, guided) = (&self.strategy, &guided.guided);
        let tuned = fine_tune(context, &llm.llm, strategy, guided, data, split, &settings)?;
        Ok(TunedHandle::new(&self.session, tuned))
    }
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
    const RECEIVER: &'static str = "prompt";
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
                let rest = settings::read_checked(rest, "score", GuideSettings::problems)
                    .map_err(raise)?;
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
