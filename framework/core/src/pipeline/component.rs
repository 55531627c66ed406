//! Components as an experiment chooses them: by name, with checked settings.

use std::cell::OnceCell;

use lapidary_sdk::Kind;
use lapidary_sdk::kinds::{
    AttributeSet, Backbone, BackboneContext, Llm, LlmContext, LlmInfo, PromptStrategyContext,
};
use serde_json::{Value, json};

use super::Context;
use crate::device;
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};

/// A component's place in the registry and its settings, checked and complete.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its plugin's version.
    pub version: String,
    /// All its settings.
    pub settings: Value,
    /// Names the component, the plugin it is from, and that plugin's code.
    pub code: Fingerprint,
    /// Names all that and the settings.
    pub fingerprint: Fingerprint,
}

impl Chosen {
    /// Finds a component and checks its settings; the choice is noted in `run.json`.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such component; [`Error::Setting`] for settings that it does not take.
    pub fn new(context: &Context, kind: Kind, name: &str, settings: &Value) -> Result<Self> {
        let entry = context.registry.entry(kind, name)?;
        let settings = context.registry.settings(kind, name, settings)?;
        let origin = &entry.origin;
        let code = entry.code()?;
        let named = || {
            Builder::new("component")
                .text("kind", kind.name())
                .text("name", name)
                .text("plugin", &origin.plugin)
                .text("version", &origin.version)
                .text("code", code.as_ref().map_or("linked", |code| code.as_str()))
        };
        let fingerprint = named().json("settings", &settings).finish();
        let folder = &context.folder;
        let note = json!({
            "kind": kind.name(), "name": name, "origin": origin.to_string(), "version": origin.version,
            "settings": settings,
        });
        folder.record_in("components", fingerprint.short(), note)?;
        let plugin = json!({"version": origin.version, "sha256": code});
        folder.record_in("plugins", &origin.plugin, plugin)?;
        Ok(Self {
            kind,
            name: name.to_owned(),
            version: origin.version.clone(),
            settings,
            code: named().finish(),
            fingerprint,
        })
    }

    /// A base embedder by name, or any backbone: it learns an item table of its own.
    ///
    /// # Errors
    /// As [`Chosen::new`].
    pub fn base_embedder(context: &Context, name: &str, settings: &Value) -> Result<Self> {
        let kinds = [Kind::BaseEmbedder, Kind::Backbone];
        let of = |kind: &Kind| context.registry.entry(*kind, name).is_ok();
        if let Some(&kind) = kinds.iter().find(|kind| of(kind)) {
            return Self::new(context, kind, name, settings);
        }
        let known = context.registry.entries().map(|e| &e.description);
        let known = known.filter(|d| kinds.contains(&d.kind)).map(|d| &d.name);
        Err(Error::unknown("base embedder or backbone", name, known))
    }

    /// Makes a backbone of width `dim` for sequences of up to `max_len` items.
    pub(super) fn backbone(
        &self,
        context: &Context,
        dim: i64,
        max_len: usize,
    ) -> Result<Box<dyn Backbone>> {
        let told = BackboneContext {
            dim,
            max_len: max_len as i64,
            device: device::name(context.device),
        };
        context.registry.backbone(&self.name, &self.settings, &told)
    }
}

/// A language model. It is opened when it is first asked.
pub struct LanguageModel {
    /// Which, with which settings.
    pub chosen: Chosen,
    made: OnceCell<Box<dyn Llm>>,
}

impl LanguageModel {
    /// A language model by name.
    ///
    /// # Errors
    /// As [`Chosen::new`].
    pub fn new(context: &Context, name: &str, settings: &Value) -> Result<Self> {
        Ok(Self {
            chosen: Chosen::new(context, Kind::Llm, name, settings)?,
            made: OnceCell::new(),
        })
    }

    /// The model; opens it at the first call.
    pub(super) fn open(&self, context: &Context) -> Result<&dyn Llm> {
        if let Some(llm) = self.made.get() {
            return Ok(llm.as_ref());
        }
        let dirs = context.model_dirs.iter().map(|d| d.display().to_string());
        let told = LlmContext {
            device: device::name(context.device),
            model_dirs: dirs.collect(),
        };
        let Chosen { name, settings, .. } = &self.chosen;
        let llm = context.registry.llm(name, settings, &told)?;
        Ok(self.made.get_or_init(|| llm).as_ref())
    }

    /// What the model is.
    ///
    /// # Errors
    /// [`Error::Component`] when it cannot be opened.
    pub fn info(&self, context: &Context) -> Result<LlmInfo> {
        let info = self.open(context)?.info();
        info.map_err(Error::component("llm", "info"))
    }
}

/// A prompt strategy and the attributes it asks for.
pub struct PromptStrategy {
    /// Which, with which settings.
    pub chosen: Chosen,
    /// What is scored.
    pub attributes: AttributeSet,
}

impl PromptStrategy {
    /// A prompt strategy by name; it is made once, so that a wrong template is found before any work.
    ///
    /// # Errors
    /// As [`Chosen::new`]; [`Error::Component`] when the strategy refuses its settings or the attributes.
    pub fn new(
        context: &Context,
        name: &str,
        settings: &Value,
        attributes: AttributeSet,
    ) -> Result<Self> {
        let chosen = Chosen::new(context, Kind::PromptStrategy, name, settings)?;
        let strategy = Self { chosen, attributes };
        strategy.make(context)?;
        Ok(strategy)
    }

    pub(super) fn make(
        &self,
        context: &Context,
    ) -> Result<Box<dyn lapidary_sdk::kinds::PromptStrategy>> {
        let told = PromptStrategyContext {
            attributes: self.attributes.clone(),
        };
        let Chosen { name, settings, .. } = &self.chosen;
        context.registry.prompt_strategy(name, settings, &told)
    }
}
