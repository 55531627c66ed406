//! Components by name: base embedders, backbones, reducers, language models.

use std::rc::Rc;

use lapidary_core::Error;
use lapidary_core::pipeline::{Chosen, LanguageModel, Start, embed, embed_with_backbone, train};
use lapidary_core::settings;
use lapidary_core::train::Settings;
use lapidary_sdk::Kind;
use mlua::{Lua, Table, UserData, UserDataFields, UserDataMethods};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::data::{DatasetHandle, Parts, SplitHandle};
use super::model::ModelHandle;
use super::propose::propose_attributes;
use super::refined::{BaseHandle, RefinedHandle};
use crate::convert::{raise, settings_of, take, take_seed, to_lua};
use crate::object::{Arg, Object, name_it, refuse_others};
use crate::session::Session;

/// Width of a base embedding for which a script names none.
const DEFAULT_DIM: i64 = 64;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let base = move |_: &Lua, (name, given): (String, Option<Table>)| {
        BaseEmbedderHandle::new(&s, &name, settings_of(given.as_ref(), &name)?).map_err(raise)
    };
    api.raw_set("base_embedder", lua.create_function(base)?)?;

    let s = Rc::clone(session);
    let backbone = move |_: &Lua, (name, given): (String, Option<Table>)| {
        let settings = settings_of(given.as_ref(), &name)?;
        let chosen = Chosen::new(&s.context, Kind::Backbone, &name, &settings);
        Ok(BackboneHandle {
            chosen: chosen.map_err(raise)?,
            session: Rc::clone(&s),
        })
    };
    api.raw_set("backbone", lua.create_function(backbone)?)?;

    let s = Rc::clone(session);
    let reducer = move |_: &Lua, (name, given): (String, Option<Table>)| {
        let settings = settings_of(given.as_ref(), &name)?;
        let chosen = Chosen::new(&s.context, Kind::Reducer, &name, &settings);
        Ok(ReducerHandle {
            chosen: chosen.map_err(raise)?,
        })
    };
    api.raw_set("reducer", lua.create_function(reducer)?)?;

    let s = Rc::clone(session);
    let llm = move |_: &Lua, (name, given): (String, Option<Table>)| {
        let settings = settings_of(given.as_ref(), &name)?;
        let llm = LanguageModel::new(&s.context, &name, &settings);
        Ok(LlmHandle::new(&s, Rc::new(llm.map_err(raise)?)))
    };
    api.raw_set("llm", lua.create_function(llm)?)?;

    let s = Rc::clone(session);
    let components = move |lua: &Lua, kind: Option<String>| names(lua, &s, kind.as_deref());
    api.raw_set("components", lua.create_function(components)?)
}

/// Names of the components of a kind, or of all.
fn names(lua: &Lua, session: &Session, kind: Option<&str>) -> mlua::Result<Table> {
    let kind = match kind {
        None => None,
        Some(name) => {
            let found = Kind::ALL.into_iter().find(|k| k.name() == name);
            let known = Kind::ALL.map(Kind::name);
            Some(found.ok_or_else(|| raise(Error::unknown("kind", name, known)))?)
        }
    };
    let entries = session.context.registry.entries().map(|e| &e.description);
    let of_kind = entries.filter(|d| kind.is_none_or(|k| d.kind == k));
    lua.create_sequence_from(of_kind.map(|d| d.name.clone()))
}

/// Settings of training, with the run's seed where they name none.
fn training(mut given: Json, session: &Session) -> lapidary_core::Result<Settings> {
    let seed = take_seed(&mut given, session.context.seed, "fit")?;
    let settings = settings::read_checked(given, "fit", Settings::problems)?;
    Ok(Settings { seed, ..settings })
}

/// A backbone by name.
pub(super) struct BackboneHandle {
    chosen: Chosen,
    session: Rc<Session>,
}

impl BackboneHandle {
    fn fit(
        &self,
        parts: &Rc<Parts>,
        refined: &RefinedHandle,
        given: Json,
    ) -> lapidary_core::Result<ModelHandle> {
        let settings = training(given, &self.session)?;
        let start = Start::Refined(&refined.refined);
        let context = &self.session.context;
        let trained = train(context, &parts.split, &self.chosen, start, &settings)?;
        Ok(ModelHandle::new(parts, trained))
    }
}

impl Object for BackboneHandle {
    const NAME: &'static str = "a backbone";
    const RECEIVER: &'static str = "backbone";
    const FROM: &'static str = "lapidary.backbone(name)";
    const MEMBERS: &'static [&'static str] = &["fit"];
}

impl UserData for BackboneHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method(
            "fit",
            |_, b, (split, refined, given): (Arg<SplitHandle>, Arg<RefinedHandle>, Option<Table>)| {
                let given = settings_of(given.as_ref(), "fit")?;
                b.fit(&split.parts, &refined, given).map_err(raise)
            },
        );
    }
}

/// A base embedder by name: a component of that kind, or a backbone that learns its own item table.
pub(super) struct BaseEmbedderHandle {
    chosen: Chosen,
    dim: i64,
    session: Rc<Session>,
}

/// Settings of a base embedder's `fit` are `seed` alone.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FitSettings {
    seed: Option<u64>,
}

impl BaseEmbedderHandle {
    fn new(session: &Rc<Session>, name: &str, mut settings: Json) -> lapidary_core::Result<Self> {
        let dim = match take(&mut settings, "dim") {
            None => DEFAULT_DIM,
            Some(given) => given.as_i64().filter(|d| *d > 0).ok_or_else(|| {
                let reason = format!("`dim` must be a whole number of at least 1, not {given}");
                Error::setting(name, reason)
            })?,
        };
        Ok(Self {
            chosen: Chosen::base_embedder(&session.context, name, &settings)?,
            dim,
            session: Rc::clone(session),
        })
    }

    fn fit(&self, parts: &Rc<Parts>, given: Json) -> lapidary_core::Result<BaseHandle> {
        let (session, split) = (&self.session, &parts.split);
        let context = &session.context;
        if self.chosen.kind == Kind::Backbone {
            let settings = training(given, session)?;
            let (base, trained) =
                embed_with_backbone(context, split, &self.chosen, self.dim, &settings)?;
            let model = ModelHandle::new(parts, trained);
            return Ok(BaseHandle::new(session, base, Some(model)));
        }
        let settings: FitSettings = settings::read(given, "fit")?;
        let seed = settings.seed.unwrap_or(context.seed);
        let base = embed(context, split, &self.chosen, self.dim, seed)?;
        Ok(BaseHandle::new(session, base, None))
    }
}

impl Object for BaseEmbedderHandle {
    const NAME: &'static str = "a base embedder";
    const RECEIVER: &'static str = "embedder";
    const FROM: &'static str = "lapidary.base_embedder(name)";
    const MEMBERS: &'static [&'static str] = &["fit"];
}

impl UserData for BaseEmbedderHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method(
            "fit",
            |_, b, (split, given): (Arg<SplitHandle>, Option<Table>)| {
                let given = settings_of(given.as_ref(), "fit")?;
                b.fit(&split.parts, given).map_err(raise)
            },
        );
    }
}

/// A reducer by name.
pub(super) struct ReducerHandle {
    pub chosen: Chosen,
}

impl Object for ReducerHandle {
    const NAME: &'static str = "a reducer";
    const RECEIVER: &'static str = "reducer";
    const FROM: &'static str = "lapidary.reducer(name)";
    const MEMBERS: &'static [&'static str] = &["name"];
}

impl UserData for ReducerHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("name", |_, r| Ok(r.chosen.name.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
    }
}

/// A language model by name.
#[derive(Clone)]
pub(super) struct LlmHandle {
    pub llm: Rc<LanguageModel>,
    session: Rc<Session>,
}

impl LlmHandle {
    pub fn new(session: &Rc<Session>, llm: Rc<LanguageModel>) -> Self {
        Self {
            llm,
            session: Rc::clone(session),
        }
    }
}

impl Object for LlmHandle {
    const NAME: &'static str = "a language model";
    const RECEIVER: &'static str = "llm";
    const FROM: &'static str = "lapidary.llm(name)";
    const MEMBERS: &'static [&'static str] = &["info", "propose_attributes"];
}

impl UserData for LlmHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("info", |lua, handle, ()| {
            let info = handle.llm.info(&handle.session.context).map_err(raise)?;
            to_lua(lua, &json!(info))
        });
        methods.add_method(
            "propose_attributes",
            |lua, handle, (data, given): (Arg<DatasetHandle>, Option<Table>)| {
                let (session, data) = (&handle.session, &data.data);
                propose_attributes(lua, session, &handle.llm, data, given.as_ref())
            },
        );
    }
}
