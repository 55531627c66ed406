//! Components by name: base embedders, backbones, reducers, language models.

use std::cell::OnceCell;
use std::rc::Rc;

use lapidary_core::fingerprint::Builder;
use lapidary_core::refine::Embedding;
use lapidary_core::train::identifier_embedding;
use lapidary_core::{Error, device};
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::{
    Backbone, BackboneContext, BaseEmbedderContext, Interactions, Llm, LlmContext, LlmInfo,
};
use mlua::{Lua, Table, UserData, UserDataMethods, UserDataRef, Value};
use serde_json::{Value as Json, json};
use tch::Tensor;

use super::data::{Parts, SplitHandle};
use super::model::{Guidance, ModelHandle, Training};
use super::refined::{BaseHandle, RefinedHandle};
use crate::convert::{raise, take, to_json};
use crate::session::{Chosen, Session};

/// Width of a base embedding for which a script names none.
const DEFAULT_DIM: i64 = 64;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let base = move |_: &Lua, (name, given): (String, Option<Table>)| {
        BaseEmbedderHandle::new(&s, &name, given_settings(given, &name)?)
    };
    api.raw_set("base_embedder", lua.create_function(base)?)?;

    let s = Rc::clone(session);
    let backbone = move |_: &Lua, (name, given): (String, Option<Table>)| {
        let settings = given_settings(given, &name)?;
        let chosen = s.choose(Kind::Backbone, &name, &settings).map_err(raise)?;
        Ok(BackboneHandle {
            chosen,
            session: Rc::clone(&s),
        })
    };
    api.raw_set("backbone", lua.create_function(backbone)?)?;

    let s = Rc::clone(session);
    let reducer = move |_: &Lua, (name, given): (String, Option<Table>)| {
        let settings = given_settings(given, &name)?;
        let chosen = s.choose(Kind::Reducer, &name, &settings).map_err(raise)?;
        Ok(ReducerHandle { chosen })
    };
    api.raw_set("reducer", lua.create_function(reducer)?)?;

    let s = Rc::clone(session);
    let llm = move |_: &Lua, (name, given): (String, Option<Table>)| {
        let settings = given_settings(given, &name)?;
        let chosen = s.choose(Kind::Llm, &name, &settings).map_err(raise)?;
        Ok(LlmHandle {
            chosen,
            session: Rc::clone(&s),
            made: OnceCell::new(),
        })
    };
    api.raw_set("llm", lua.create_function(llm)?)?;

    let s = Rc::clone(session);
    let components = move |lua: &Lua, kind: Option<String>| {
        let registry = s.registry.borrow();
        let names = registry.entries().filter(|e| {
            kind.as_deref()
                .is_none_or(|k| e.description.kind.name() == k)
        });
        lua.create_sequence_from(names.map(|e| e.description.name.clone()))
    };
    api.raw_set("components", lua.create_function(components)?)
}

/// The settings table of a component as JSON; nothing is an empty object.
pub(super) fn given_settings(table: Option<Table>, place: &str) -> mlua::Result<Json> {
    table.map_or(Ok(json!({})), |t| to_json(&Value::Table(t), place))
}

/// Makes a backbone.
pub(super) fn make_backbone(
    session: &Session,
    chosen: &Chosen,
    dim: i64,
    max_len: usize,
) -> lapidary_core::Result<Box<dyn Backbone>> {
    let device = device::name(session.device);
    let context = BackboneContext {
        dim,
        max_len: max_len as i64,
        device,
    };
    session
        .registry
        .borrow()
        .backbone(&chosen.name, &chosen.settings, &context)
}

/// A backbone by name.
struct BackboneHandle {
    chosen: Chosen,
    session: Rc<Session>,
}

impl UserData for BackboneHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method(
            "fit",
            |_,
             b,
             (split, refined, given): (
                UserDataRef<SplitHandle>,
                UserDataRef<RefinedHandle>,
                Option<Table>,
            )| {
                let given = given_settings(given, "fit")?;
                let training = Training {
                    session: &b.session,
                    parts: &split.parts,
                    backbone: &b.chosen,
                    start: &refined.fingerprint,
                    dim: refined.dim,
                    guidance: refined.guidance(),
                };
                training
                    .run("refined", given, || refined.embedding())
                    .map_err(raise)
            },
        );
    }
}

/// A base embedder by name: a component of that kind, or a backbone that learns its own item table.
struct BaseEmbedderHandle {
    chosen: Chosen,
    dim: i64,
    session: Rc<Session>,
}

impl BaseEmbedderHandle {
    fn new(session: &Rc<Session>, name: &str, mut settings: Json) -> mlua::Result<Self> {
        let dim = match take(&mut settings, "dim") {
            None => DEFAULT_DIM,
            Some(given) => given.as_i64().filter(|d| *d > 0).ok_or_else(|| {
                let reason = format!("`dim` must be a whole number of at least 1, not {given}");
                raise(Error::setting(name, reason))
            })?,
        };
        let kind = {
            let registry = session.registry.borrow();
            match registry.entry(Kind::BaseEmbedder, name) {
                Ok(_) => Kind::BaseEmbedder,
                Err(unknown) => match registry.entry(Kind::Backbone, name) {
                    Ok(_) => Kind::Backbone,
                    Err(_) => return Err(raise(unknown)),
                },
            }
        };
        let chosen = session.choose(kind, name, &settings).map_err(raise)?;
        Ok(Self {
            chosen,
            dim,
            session: Rc::clone(session),
        })
    }

    fn fit(&self, parts: &Rc<Parts>, given: Json) -> lapidary_core::Result<BaseHandle> {
        match self.chosen.kind {
            Kind::Backbone => self.fit_backbone(parts, given),
            _ => self.fit_embedder(parts, given),
        }
    }

    /// Trains the backbone on its own item table; the table is the base embedding.
    fn fit_backbone(&self, parts: &Rc<Parts>, given: Json) -> lapidary_core::Result<BaseHandle> {
        let start = Builder::new("identifier embedding")
            .text("dim", &self.dim.to_string())
            .finish();
        let training = Training {
            session: &self.session,
            parts,
            backbone: &self.chosen,
            start: &start,
            dim: self.dim,
            guidance: Guidance::default(),
        };
        let seed = given
            .get("seed")
            .and_then(Json::as_u64)
            .unwrap_or(self.session.seed);
        let n_items = parts.split.n_items;
        let embedding = || -> lapidary_core::Result<Rc<Embedding>> {
            identifier_embedding(n_items, self.dim, seed).map(Rc::new)
        };
        let model = training.run("base", given, embedding)?;
        BaseHandle::of_model(model, self.dim)
    }

    fn fit_embedder(
        &self,
        parts: &Rc<Parts>,
        mut given: Json,
    ) -> lapidary_core::Result<BaseHandle> {
        let session = &self.session;
        let seed = take(&mut given, "seed")
            .and_then(|s| s.as_u64())
            .unwrap_or(session.seed);
        if let Some((key, _)) = given.as_object().and_then(|m| m.iter().next()) {
            return Err(Error::setting(
                "fit",
                format!("unknown setting `{key}`; known: `seed`"),
            ));
        }
        let fingerprint = Builder::new("base")
            .part("split", &parts.split.fingerprint)
            .part("component", &self.chosen.fingerprint)
            .text("dim", &self.dim.to_string())
            .text("seed", &seed.to_string())
            .finish();
        let inputs = json!({"base_embedder": self.chosen.name, "settings": self.chosen.settings, "dim": self.dim, "seed": seed});
        let content = session.stage("base", &fingerprint, inputs, |_| {
            let context = BaseEmbedderContext {
                dim: self.dim,
                n_items: parts.split.n_items as i64,
                seed,
                device: device::name(session.device),
            };
            let registry = session.registry.borrow();
            let mut embedder =
                registry.base_embedder(&self.chosen.name, &self.chosen.settings, &context)?;
            let learned = embedder.fit(&interactions(parts, session.device)?);
            let learned = learned.map_err(Error::component("base_embedder", "fit"))?;
            let tensors = vec![("items".to_owned(), learned.items)];
            Ok(lapidary_core::artefact::Content {
                tensors,
                json: Json::Null,
            })
        })?;
        let table = content
            .map(|c| c.tensor("items").map(Tensor::shallow_clone))
            .transpose()?;
        Ok(BaseHandle::of_table(
            session,
            fingerprint,
            table,
            self.dim,
            parts.split.n_items,
        ))
    }
}

/// The training part of a split as base embedders read it.
fn interactions(parts: &Parts, device: tch::Device) -> lapidary_core::Result<Interactions> {
    let split = &parts.split;
    let users = split.sequences.users();
    let mut offsets = Vec::with_capacity(users + 1);
    let mut items = Vec::new();
    offsets.push(0i64);
    for user in 0..users {
        items.extend(split.train(user).iter().map(|&i| i64::from(i)));
        offsets.push(items.len() as i64);
    }
    Ok(Interactions {
        offsets: Tensor::f_from_slice(&offsets)?.f_to_device(device)?,
        items: Tensor::f_from_slice(&items)?.f_to_device(device)?,
    })
}

impl UserData for BaseEmbedderHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method(
            "fit",
            |_, b, (split, given): (UserDataRef<SplitHandle>, Option<Table>)| {
                b.fit(&split.parts, given_settings(given, "fit")?)
                    .map_err(raise)
            },
        );
    }
}

/// A reducer by name.
#[derive(Clone)]
pub(super) struct ReducerHandle {
    pub chosen: Chosen,
}

impl UserData for ReducerHandle {}

/// A language model by name. It is opened when it is first asked.
pub(super) struct LlmHandle {
    pub chosen: Chosen,
    session: Rc<Session>,
    made: OnceCell<Box<dyn Llm>>,
}

impl LlmHandle {
    /// The model; opens it at the first call.
    pub fn open(&self) -> lapidary_core::Result<&dyn Llm> {
        if let Some(llm) = self.made.get() {
            return Ok(llm.as_ref());
        }
        let session = &self.session;
        let dirs = session.model_dirs.iter().map(|d| d.display().to_string());
        let context = LlmContext {
            device: device::name(session.device),
            model_dirs: dirs.collect(),
        };
        let registry = session.registry.borrow();
        let llm = registry.llm(&self.chosen.name, &self.chosen.settings, &context)?;
        Ok(self.made.get_or_init(|| llm).as_ref())
    }

    /// What the model is.
    pub fn info(&self) -> lapidary_core::Result<LlmInfo> {
        self.open()?.info().map_err(Error::component("llm", "info"))
    }
}

impl UserData for LlmHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("info", |lua, llm, ()| {
            let info = llm.info().map_err(raise)?;
            crate::convert::to_lua(lua, &serde_json::to_value(info).unwrap_or_default())
        });
    }
}

impl ModelHandle {
    /// The trained item table, for base embeddings.
    pub(super) fn trained_table(&self) -> Option<Tensor> {
        self.model().map(|m| m.item_table().detach())
    }
}
