//! Base embeddings from files of the user's own.

use std::rc::Rc;

use lapidary_core::data::import::VectorFile;
use lapidary_core::pipeline::{Missing, PrecomputedSettings, precomputed};
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods};

use super::data::SplitHandle;
use super::refined::BaseHandle;
use crate::convert::{raise, read};
use crate::object::{Arg, Object, name_it, refuse_others};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let make = move |_: &Lua, (path, given): (String, Option<Table>)| {
        PrecomputedHandle::new(&s, &path, read(given.as_ref(), "precomputed")?).map_err(raise)
    };
    api.raw_set("precomputed", lua.create_function(make)?)
}

/// A file with vectors of items.
pub(super) struct PrecomputedHandle {
    file: VectorFile,
    missing: Missing,
    session: Rc<Session>,
}

impl PrecomputedHandle {
    fn new(
        session: &Rc<Session>,
        path: &str,
        settings: PrecomputedSettings,
    ) -> lapidary_core::Result<Self> {
        let ids = settings.ids.as_deref().map(|ids| session.find(ids));
        Ok(Self {
            file: VectorFile {
                path: session.find(path)?,
                ids: ids.transpose()?,
                tensor: settings.tensor,
                id_column: settings.id_column,
            },
            missing: settings.missing,
            session: Rc::clone(session),
        })
    }

    fn fit(&self, split: &SplitHandle) -> lapidary_core::Result<BaseHandle> {
        let (session, parts) = (&self.session, &split.parts);
        let context = &session.context;
        let base = precomputed(context, &parts.data, &parts.split, &self.file, self.missing)?;
        Ok(BaseHandle::new(session, base, None))
    }
}

impl Object for PrecomputedHandle {
    const NAME: &'static str = "a precomputed embedding";
    const RECEIVER: &'static str = "precomputed";
    const FROM: &'static str = "lapidary.precomputed(file)";
    const MEMBERS: &'static [&'static str] = &["fit"];
}

impl UserData for PrecomputedHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("fit", |_, p, split: Arg<SplitHandle>| {
            p.fit(&split).map_err(raise)
        });
    }
}
