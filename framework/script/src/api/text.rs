//! Base embeddings from a language model's hidden states of the items' texts.

use std::rc::Rc;

use lapidary_core::pipeline::{TextSettings, embed_texts};
use mlua::{
    AnyUserData, Lua, Table, UserData, UserDataFields, UserDataMethods, UserDataRef, Value,
};

use super::component::LlmHandle;
use super::data::SplitHandle;
use super::refined::BaseHandle;
use crate::convert::{raise, read_checked};
use crate::object::{Arg, Object, name_it, refuse_others, unexpected};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let make = move |_: &Lua, (llm, given): (Value, Option<Table>)| {
        let llm = match llm {
            Value::UserData(llm) if llm.is::<LlmHandle>() => llm,
            other => return Err(unexpected::<LlmHandle>("text_embedder", &other)),
        };
        Ok(TextEmbedderHandle {
            llm,
            settings: read_checked(given.as_ref(), "text_embedder", TextSettings::problems)?,
            session: Rc::clone(&s),
        })
    };
    api.raw_set("text_embedder", lua.create_function(make)?)
}

/// A language model whose states embed texts.
pub(super) struct TextEmbedderHandle {
    llm: AnyUserData,
    settings: TextSettings,
    session: Rc<Session>,
}

impl TextEmbedderHandle {
    fn fit(&self, split: &SplitHandle) -> mlua::Result<BaseHandle> {
        let llm: UserDataRef<LlmHandle> = self.llm.borrow()?;
        let (context, parts) = (&self.session.context, &split.parts);
        let base = embed_texts(context, &llm.llm, &parts.data, &parts.split, &self.settings);
        Ok(BaseHandle::new(&self.session, base.map_err(raise)?, None))
    }
}

impl Object for TextEmbedderHandle {
    const NAME: &'static str = "a text embedder";
    const RECEIVER: &'static str = "text_embedder";
    const FROM: &'static str = "lapidary.text_embedder(llm)";
    const MEMBERS: &'static [&'static str] = &["fit"];
}

impl UserData for TextEmbedderHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("fit", |_, t, split: Arg<SplitHandle>| t.fit(&split));
    }
}
