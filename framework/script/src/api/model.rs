//! Trained models: training them, asking them, and asking why.

use std::rc::Rc;

use lapidary_core::artefact::Content;
use lapidary_core::fingerprint::{Builder, Fingerprint};
use lapidary_core::guidance::GuidedScores;
use lapidary_core::rank::{Query, Scorer};
use lapidary_core::refine::{Embedding, Percentiles, explain};
use lapidary_core::run::{Point, RunFolder};
use lapidary_core::train::{self, EpochRecord, History, Model, Observer};
use lapidary_core::{Error, Result};
use mlua::{FromLua, Lua, Table, UserData, UserDataFields, UserDataMethods, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tch::{Kind, Tensor};

use super::component::{given_settings, make_backbone};
use super::data::{CasesHandle, Parts};
use super::evaluation;
use super::tensor::TensorHandle;
use crate::convert::{raise, settings, show, take, to_lua};
use crate::session::{Chosen, Session};

/// What explanations need besides the model.
#[derive(Clone, Default)]
pub(super) struct Guidance {
    pub attributes: Vec<String>,
    pub scores: Option<Rc<GuidedScores>>,
}

/// One training: what goes in.
pub(super) struct Training<'a> {
    pub session: &'a Rc<Session>,
    pub parts: &'a Rc<Parts>,
    pub backbone: &'a Chosen,
    /// Fingerprint of the embedding that training starts from.
    pub start: &'a Fingerprint,
    pub dim: i64,
    pub guidance: Guidance,
}

impl Training<'_> {
    /// Checks the settings, then loads the trained model or trains it. In a dry run the backbone is made, so that its
    /// settings are seen to fit, and nothing is trained.
    pub fn run(
        &self,
        what: &str,
        mut given: Json,
        embedding: impl FnOnce() -> Result<Rc<Embedding>>,
    ) -> Result<ModelHandle> {
        let session = self.session;
        let seed = take(&mut given, "seed").unwrap_or_else(|| json!(session.seed));
        if let Json::Object(map) = &mut given {
            map.insert("seed".to_owned(), seed);
        }
        let settings = train::Settings::from_json(&given, "fit")?;
        settings.check("fit")?;
        let split = &self.parts.split;
        let fingerprint = Builder::new("model")
            .part("split", &split.fingerprint)
            .part("backbone", &self.backbone.fingerprint)
            .part("start", self.start)
            .text("dim", &self.dim.to_string())
            .json("training", &json!(settings))
            .finish();
        let stage = session.next_stage(&format!(
            "{what}-{}-seed{}",
            self.backbone.name, settings.seed
        ));
        session.folder().record_in("seeds", &stage, settings.seed)?;
        let inputs = json!({"backbone": self.backbone.name, "settings": self.backbone.settings, "training": settings, "dim": self.dim});
        let make = || make_backbone(session, self.backbone, self.dim, split.max_len);
        if session.dry_run {
            make()?;
        }
        let content = session.stage("model", &fingerprint, inputs, |work| {
            let start = embedding()?;
            train::seed_weights(settings.seed);
            let mut model = Model::new(&start, make()?, split.max_len, session.device)?;
            let mut observer = Curves {
                folder: session.folder(),
                stage,
            };
            let history = train::fit(&mut model, split, &settings, Some(work), &mut observer)?;
            let content = model.content()?;
            let json = json!({"model": content.json, "history": history});
            Ok(Content {
                tensors: content.tensors,
                json,
            })
        })?;
        let trained = content.map(|c| self.trained(c, make)).transpose()?;
        let inner = Inner {
            parts: Rc::clone(self.parts),
            fingerprint,
            trained,
            guidance: self.guidance.clone(),
        };
        Ok(ModelHandle {
            inner: Rc::new(inner),
        })
    }

    fn trained(
        &self,
        mut content: Content,
        make: impl FnOnce() -> Result<Box<dyn lapidary_sdk::kinds::Backbone>>,
    ) -> Result<Trained> {
        let history = serde_json::from_value(content.json["history"].take())
            .map_err(|e| Error::setting("training history", e.to_string()))?;
        let json = content.json["model"].take();
        let content = Content {
            tensors: content.tensors,
            json,
        };
        let model = Model::from_content(&content, make()?, self.session.device)?;
        Ok(Trained { model, history })
    }
}

/// Writes each epoch into the run's folder.
struct Curves {
    folder: Rc<RunFolder>,
    stage: String,
}

impl Observer for Curves {
    fn epoch(&mut self, record: &EpochRecord) -> Result<()> {
        let names: Vec<(String, f64)> = record
            .validation
            .iter()
            .map(|(m, v)| (m.to_string(), *v))
            .collect();
        let mut values = vec![
            ("loss", record.loss),
            ("learning_rate", record.learning_rate),
            ("train_seconds", record.train_seconds),
            ("validation_seconds", record.validation_seconds),
        ];
        values.extend(names.iter().map(|(name, value)| (name.as_str(), *value)));
        self.folder
            .metrics(&self.stage, Point::Epoch(record.epoch.into()), &values)
    }

    fn resumed(&mut self, records: &[EpochRecord]) -> Result<()> {
        records.iter().try_for_each(|record| self.epoch(record))
    }
}

struct Trained {
    model: Model,
    history: History,
}

struct Inner {
    parts: Rc<Parts>,
    fingerprint: Fingerprint,
    trained: Option<Trained>,
    guidance: Guidance,
}

/// A trained model; without values in a dry run.
#[derive(Clone)]
pub(super) struct ModelHandle {
    inner: Rc<Inner>,
}

/// Which items are recommended, and from what history.
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

impl ModelHandle {
    /// The split it was trained on.
    pub fn parts(&self) -> &Rc<Parts> {
        &self.inner.parts
    }

    /// Names the model.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.inner.fingerprint
    }

    /// The model; none in a dry run.
    pub fn model(&self) -> Option<&Model> {
        self.inner.trained.as_ref().map(|t| &t.model)
    }

    /// What a user did before the target of `before`, or altogether.
    fn history(&self, user: u32, before: Option<&CasesHandle>) -> Result<&[u32]> {
        let split = &self.inner.parts.split;
        let Some(cases) = before else {
            return Ok(split.sequences.of(user as usize));
        };
        let case = cases
            .cases()
            .iter()
            .find(|c| c.user == user)
            .ok_or_else(|| {
                Error::setting("before", format!("this user has no {} case", cases.name()))
            })?;
        Ok(split.history(*case))
    }

    /// The best unseen items for a user.
    fn recommend(
        &self,
        user: &str,
        k: usize,
        before: Option<&CasesHandle>,
    ) -> Result<Vec<(u32, f64)>> {
        let Some(model) = self.model() else {
            return Ok(Vec::new());
        };
        let parts = &self.inner.parts;
        let number = parts.data.find_user(user)?;
        let history = self.history(number, before)?;
        let scores = model.scores(&[Query {
            user: Some(number),
            history,
        }])?;
        let seen: Vec<i64> = history.iter().map(|&i| i64::from(i)).collect();
        let seen = Tensor::f_from_slice(&seen)?.f_to_device(scores.device())?;
        let scores = scores
            .f_squeeze_dim(0)?
            .f_index_fill(0, &seen, f64::NEG_INFINITY)?;
        let open = parts.split.n_items.saturating_sub(history.len()).min(k);
        let (values, items) = scores.f_topk(open as i64, 0, true, true)?;
        let items = Vec::<i64>::try_from(items)?;
        let values = Vec::<f64>::try_from(values.f_to_kind(Kind::Double)?)?;
        Ok(items.into_iter().map(|i| i as u32).zip(values).collect())
    }

    /// The parts of a score, with each item's place among all items.
    fn explain(&self, user: &str, item: &str, before: Option<&CasesHandle>) -> Result<Json> {
        let Some(model) = self.model() else {
            return Ok(json!({"score": null, "parts": [], "rest": null}));
        };
        let parts = &self.inner.parts;
        let (user, item) = (parts.data.find_user(user)?, parts.data.find_item(item)?);
        let history = self.history(user, before)?;
        let vector = model
            .user_vectors(&[Query {
                user: Some(user),
                history,
            }])?
            .f_squeeze_dim(0)?;
        let row = model.item_table().f_select(0, item.into())?;
        let explanation = explain(
            &floats(&vector)?,
            &floats(&row)?,
            &self.inner.guidance.attributes,
        )?;
        let percentiles = match &self.inner.guidance.scores {
            Some(scores) => Some((
                Percentiles::of(&scores.items)?,
                floats(&scores.items.f_select(0, item.into())?)?,
            )),
            None => None,
        };
        let named = explanation.parts.iter().map(|part| {
            let percent = percentiles.as_ref().and_then(|(p, row)| p.percent(part.column, *row.get(part.column)?));
            json!({
                "attribute": part.attribute, "value": part.value, "user": part.user, "item": part.item,
                "percent": percent, "words": percent.map(Percentiles::words),
            })
        });
        Ok(
            json!({"score": explanation.score, "parts": named.collect::<Vec<_>>(), "rest": explanation.rest}),
        )
    }
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor
        .f_detach()?
        .f_to_device(tch::Device::Cpu)?
        .f_to_kind(Kind::Float)?;
    Ok(Vec::<f32>::try_from(tensor.f_contiguous()?)?)
}

/// Takes `before` out of a table of settings.
fn before(given: Option<&Table>) -> mlua::Result<Option<CasesHandle>> {
    let Some(table) = given else { return Ok(None) };
    let value: Value = table.raw_get("before")?;
    table.raw_set("before", Value::Nil)?;
    match value {
        Value::Nil => Ok(None),
        Value::UserData(data) if data.is::<CasesHandle>() => {
            data.borrow::<CasesHandle>().map(|c| Some(c.clone()))
        }
        other => {
            let reason = format!(
                "`before` is {}; expected `split.test` or `split.valid`",
                show(&other)
            );
            Err(raise(Error::setting("recommend", reason)))
        }
    }
}

/// A table of nothing but `before`.
#[derive(Default, Serialize, Deserialize)]
struct Nothing {}

impl UserData for ModelHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("fingerprint", |_, m| Ok(m.fingerprint().to_string()));
        fields.add_field_method_get("attributes", |_, m| Ok(m.inner.guidance.attributes.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("history", |lua, m, ()| {
            let history = m.inner.trained.as_ref().map(|t| json!(t.history));
            to_lua(lua, &history.unwrap_or_default())
        });
        methods.add_method("item_table", |lua, m, ()| {
            let heap = &m.inner.parts.session.heap;
            m.model()
                .map(|model| TensorHandle::new(lua, heap, model.item_table().f_detach()))
                .transpose()
        });
        methods.add_method(
            "recommend",
            |lua, m, (user, given): (String, Option<Table>)| {
                let cases = before(given.as_ref())?;
                let wanted: RecommendSettings = settings(given.as_ref(), "recommend")?;
                let items = m
                    .recommend(&user, wanted.k, cases.as_ref())
                    .map_err(raise)?;
                recommended(lua, &m.inner.parts, &items)
            },
        );
        methods.add_method(
            "explain",
            |lua, m, (user, item, given): (String, String, Option<Table>)| {
                let cases = before(given.as_ref())?;
                settings::<Nothing>(given.as_ref(), "explain")?;
                to_lua(
                    lua,
                    &m.explain(&user, &item, cases.as_ref()).map_err(raise)?,
                )
            },
        );
        methods.add_method(
            "evaluate",
            |_, m, (cases, given): (CasesHandle, Option<Table>)| {
                evaluation::of_model(m, &cases, given_settings(given, "evaluate")?).map_err(raise)
            },
        );
    }
}

impl FromLua for CasesHandle {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(data) if data.is::<Self>() => data.borrow::<Self>().map(|c| c.clone()),
            other => {
                let reason = format!(
                    "expected `split.test` or `split.valid`, found {}",
                    show(other)
                );
                Err(raise(Error::setting("evaluate", reason)))
            }
        }
    }
}

fn recommended(lua: &Lua, parts: &Parts, items: &[(u32, f64)]) -> mlua::Result<Table> {
    let list = lua.create_table()?;
    for (item, score) in items {
        let row = lua.create_table()?;
        row.raw_set("item", parts.data.item_id(*item).map_err(raise)?)?;
        row.raw_set("title", parts.item_label(*item).map_err(raise)?)?;
        row.raw_set("score", *score)?;
        list.raw_push(row)?;
    }
    Ok(list)
}
