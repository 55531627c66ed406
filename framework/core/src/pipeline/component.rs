//! Components as an experiment chooses them: by name, with checked settings.

use std::cell::OnceCell;

use lapidary_sdk::kinds::{
    AttributeSet, Backbone, BackboneContext, Llm, LlmContext, LlmInfo, PromptStrategyContext,
};
use lapidary_sdk::{Kind, State};
use serde_json::{Value, json};

use super::Context;
use crate::error::{Error, Result};
use crate::fingerprint::{Builder, Fingerprint};
use crate::{device, mistakes, progress};

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
        let known = context.registry.entry(kind, name);
        let name = &match known {
            Ok(_) => name.to_owned(),
            Err(unknown) => mistakes::nearest(unknown)?,
        };
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
        let meant = mistakes::nearest(Error::unknown("base embedder or backbone", name, known))?;
        Self::base_embedder(context, &meant, settings)
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
    adapted: Option<Adapted>,
    made: OnceCell<Box<dyn Llm>>,
}

/// What fine-tuning made of a language model.
struct Adapted {
    /// Names the fine-tuning.
    by: Fingerprint,
    /// None in a dry run.
    adapter: Option<State>,
}

impl LanguageModel {
    /// A language model by name.
    ///
    /// # Errors
    /// As [`Chosen::new`].
    pub fn new(context: &Context, name: &str, settings: &Value) -> Result<Self> {
        Ok(Self {
            chosen: Chosen::new(context, Kind::Llm, name, settings)?,
            adapted: None,
            made: OnceCell::new(),
        })
    }

    /// The same model with the adapter that the fine-tuning of that name made; none in a dry run.
    pub(super) fn adapted(&self, by: &Fingerprint, adapter: Option<State>) -> Self {
        let by = by.clone();
        Self {
            chosen: self.chosen.clone(),
            adapted: Some(Adapted { by, adapter }),
            made: OnceCell::new(),
        }
    }

    /// Whether fine-tuning made it.
    pub(super) fn is_adapted(&self) -> bool {
        self.adapted.is_some()
    }

    /// The model; opens it at the first call.
    pub(super) fn open(&self, context: &Context) -> Result<&dyn Llm> {
        if let Some(llm) = self.made.get() {
            return Ok(llm.as_ref());
        }
        let mut llm = self.make(context)?;
        if let Some(adapter) = self.adapted.as_ref().and_then(|a| a.adapter.as_ref()) {
            llm.load(adapter).map_err(Error::component("llm", "load"))?;
        }
        Ok(self.made.get_or_init(|| llm).as_ref())
    }

    /// Another instance of the model, without what fine-tuning made of it.
    pub(super) fn make(&self, context: &Context) -> Result<Box<dyn Llm>> {
        let dirs = context.model_dirs.iter().map(|d| d.display().to_string());
        let told = LlmContext {
            device: device::name(context.device),
            model_dirs: dirs.collect(),
        };
        let Chosen { name, settings, .. } = &self.chosen;
        let _stage = progress::begin(&format!("opening `{name}`"), 0);
        context.registry.llm(name, settings, &told)
    }

    /// What the model is.
    ///
    /// # Errors
    /// [`Error::Component`] when it cannot be opened.
    pub fn info(&self, context: &Context) -> Result<LlmInfo> {
        let info = self.open(context)?.info();
        let mut info = info.map_err(Error::component("llm", "info"))?;
        if let Some(adapted) = &self.adapted {
            // Known in a dry run too, where there is no adapter to look at.
            info.fingerprint = adapted.by.to_string();
        }
        Ok(info)
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
        self.make_for(context, self.attributes.clone())
    }

    /// The same strategy for other attributes.
    pub(super) fn make_for(
        &self,
        context: &Context,
        attributes: AttributeSet,
    ) -> Result<Box<dyn lapidary_sdk::kinds::PromptStrategy>> {
        let told = PromptStrategyContext { attributes };
        let Chosen { name, settings, .. } = &self.chosen;
        context.registry.prompt_strategy(name, settings, &told)
    }
}
