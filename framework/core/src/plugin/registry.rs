//! All components that scripts can use by name: of plugins, of this program, and of scripts.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapidary_sdk::kinds::{
    Backbone, BackboneContext, BaseEmbedder, BaseEmbedderContext, Llm, LlmContext, PromptStrategy,
    PromptStrategyContext, Reducer, ReducerContext,
};
use lapidary_sdk::{Description, Kind};
use serde_json::Value;

use super::error::PluginError;
use super::native::Native;
use super::search::{self, SearchPath};
use super::{checked, handshake, host, loader, settings};
use crate::error::{Error, Result};
use crate::files::Stamp;
use crate::fingerprint::Fingerprint;

mod unknown;

/// Makes an instance from checked settings and what the host tells.
pub type Make<C, T> = Box<dyn Fn(&Value, &C) -> lapidary_sdk::Result<Box<T>>>;

/// How instances of a component are made, by kind.
pub enum Factory {
    /// Makes backbones.
    Backbone(Make<BackboneContext, dyn Backbone>),
    /// Makes base embedders.
    BaseEmbedder(Make<BaseEmbedderContext, dyn BaseEmbedder>),
    /// Makes language models.
    Llm(Make<LlmContext, dyn Llm>),
    /// Makes prompt strategies.
    PromptStrategy(Make<PromptStrategyContext, dyn PromptStrategy>),
    /// Makes reducers.
    Reducer(Make<ReducerContext, dyn Reducer>),
}

impl Factory {
    /// The kind of what it makes.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Backbone(_) => Kind::Backbone,
            Self::BaseEmbedder(_) => Kind::BaseEmbedder,
            Self::Llm(_) => Kind::Llm,
            Self::PromptStrategy(_) => Kind::PromptStrategy,
            Self::Reducer(_) => Kind::Reducer,
        }
    }
}

/// Where a component is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the plugin or script.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Its file.
    pub place: Place,
}

/// What a component came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This program itself.
    Linked,
    /// A library.
    Library(PathBuf),
    /// A script.
    Script(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}, ", self.plugin, self.version)?;
        match &self.place {
            Place::Linked => f.write_str("linked in"),
            Place::Library(path) | Place::Script(path) => write!(f, "{}", path.display()),
        }
    }
}

/// One component.
pub struct Entry {
    /// What it says of itself.
    pub description: Description,
    /// Where it is from.
    pub origin: Origin,
    factory: Factory,
    code: OnceCell<Option<Fingerprint>>,
    /// Its library as it was when it was loaded.
    stamp: Option<Stamp>,
}

/// A library that was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its file.
    pub path: PathBuf,
    /// Its components, by kind and name.
    pub components: Vec<(Kind, String)>,
}

/// A library or folder that was refused.
#[derive(Debug)]
pub struct Refused {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

/// What became of the libraries in the search path.
#[derive(Debug, Default)]
pub struct Report {
    /// Loaded, in the order found.
    pub loaded: Vec<Loaded>,
    /// Refused, in the order found.
    pub refused: Vec<Refused>,
}

/// All components, by kind and name.
#[derive(Default)]
pub struct Registry {
    entries: BTreeMap<(Kind, String), Entry>,
    /// Device and file number of the libraries loaded.
    files: HashSet<(u64, u64)>,
    /// Files that were refused, by the name that a component of theirs would have.
    refused: Vec<(String, PathBuf)>,
}

impl Registry {
    /// A registry without components.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds the components that are linked into this program, through the same tables as those of libraries.
    ///
    /// # Errors
    /// [`Error::Plugin`] when a component's description cannot be used or its name is taken.
    pub fn add_linked(&mut self) -> Result<()> {
        lapidary_sdk::host::install(*host::table());
        let program = std::env::current_exe().unwrap_or_default();
        let mut accepted = Vec::new();
        for registration in lapidary_sdk::export::registrations() {
            let origin = Arc::new(Origin {
                plugin: registration.plugin.to_owned(),
                version: registration.version.to_owned(),
                place: Place::Linked,
            });
            accepted.push(handshake::linked(
                &program,
                registration.component,
                &origin,
            )?);
        }
        self.publish_native(accepted, None)?;
        Ok(())
    }

    /// Loads one library. Returns nothing when the same file was loaded before, under whatever path.
    ///
    /// # Errors
    /// [`Error::Plugin`] when it is refused; the registry is then as it was.
    pub fn load_file(&mut self, path: &Path) -> Result<Option<Loaded>> {
        let path = std::fs::canonicalize(path).map_err(|e| PluginError::Open {
            path: path.to_path_buf(),
            reason: e.to_string(),
        })?;
        let stamp = Stamp::of(&path)?;
        if self.files.contains(&stamp.file) {
            return Ok(None);
        }
        let manifest = loader::open(&path, stamp)?;
        let accepted = handshake::accept(&path, manifest)?;
        let components = self.publish_native(accepted, Some(stamp))?;
        self.files.insert(stamp.file);
        Ok(Some(Loaded { path, components }))
    }

    /// Loads every library of the search path; those that cannot be used are refused and the others still load.
    pub fn load_dirs(&mut self, path: SearchPath) -> Report {
        let (folders, refused) = path.into_parts();
        let mut report = Report {
            refused,
            ..Report::default()
        };
        for path in folders {
            match search::libraries(&path) {
                Ok(files) => files
                    .iter()
                    .for_each(|file| self.try_load(file, &mut report)),
                Err(error) => report.refused.push(Refused { path, error }),
            }
        }
        report
    }

    fn try_load(&mut self, file: &Path, report: &mut Report) {
        match self.load_file(file) {
            Ok(loaded) => report.loaded.extend(loaded),
            Err(error) => report.refused.push(Refused {
                path: file.to_path_buf(),
                error,
            }),
        }
    }

    /// Adds a component that is not native, such as one written in Lua.
    ///
    /// # Errors
    /// [`Error::Plugin`] when its description cannot be used or its name is taken.
    pub fn add(
        &mut self,
        description: Description,
        origin: Origin,
        factory: Factory,
    ) -> Result<()> {
        self.add_read(description, origin, factory, None)
    }

    /// As [`Registry::add`]; its file had the fingerprint `code` when it was read.
    ///
    /// # Errors
    /// As [`Registry::add`].
    pub fn add_read(
        &mut self,
        description: Description,
        origin: Origin,
        factory: Factory,
        code: Option<Fingerprint>,
    ) -> Result<()> {
        handshake::check_described(&description, factory.kind()).map_err(|reason| {
            PluginError::BadComponent {
                path: match &origin.place {
                    Place::Script(path) | Place::Library(path) => path.clone(),
                    Place::Linked => PathBuf::from(&origin.plugin),
                },
                component: format!("{} `{}`", description.kind, description.name),
                reason,
            }
        })?;
        let entry = Entry {
            description,
            origin,
            factory,
            code: code.map_or_else(OnceCell::new, |code| OnceCell::from(Some(code))),
            stamp: None,
        };
        self.publish(vec![entry])?;
        Ok(())
    }

    fn publish_native(
        &mut self,
        accepted: Vec<(Description, Native)>,
        stamp: Option<Stamp>,
    ) -> Result<Vec<(Kind, String)>> {
        let entries = accepted.into_iter().map(|(description, native)| Entry {
            description,
            origin: native.origin().clone(),
            factory: native.factory(),
            code: OnceCell::new(),
            stamp,
        });
        self.publish(entries.collect())
    }

    /// Adds all or, where a name is taken, none.
    fn publish(&mut self, entries: Vec<Entry>) -> Result<Vec<(Kind, String)>> {
        let keys: Vec<_> = entries.iter().map(Entry::key).collect();
        for (i, (key, entry)) in keys.iter().zip(&entries).enumerate() {
            let earlier = keys[..i].iter().position(|k| k == key);
            let first = self.entries.get(key).or(earlier.map(|at| &entries[at]));
            if let Some(first) = first {
                return Err(Error::Plugin(PluginError::Duplicate {
                    component: format!("{} `{}`", key.0, key.1),
                    first: first.origin.to_string(),
                    second: entry.origin.to_string(),
                }));
            }
        }
        self.entries.extend(keys.iter().cloned().zip(entries));
        Ok(keys)
    }

    /// All components, sorted by kind and name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The component of that kind and name.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest names of that kind; says so where another kind has the name.
    pub fn entry(&self, kind: Kind, name: &str) -> Result<&Entry> {
        let entry = self.entries.get(&(kind, name.to_owned()));
        entry.ok_or_else(|| self.unknown(kind, name))
    }

    /// Checks settings against the component's schema, and adds the defaults of what is not given.
    ///
    /// # Errors
    /// [`Error::Setting`] that lists all problems; [`Error::Unknown`] when there is no such component.
    pub fn settings(&self, kind: Kind, name: &str, given: &Value) -> Result<Value> {
        settings::fill(&self.entry(kind, name)?.description, given)
    }
}

impl Entry {
    /// Fingerprint of the file it is from; none where it is linked in.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::Data`] when it is no longer the one that was loaded.
    pub fn code(&self) -> Result<Option<&Fingerprint>> {
        if let Some(known) = self.code.get() {
            return Ok(known.as_ref());
        }
        let found = match &self.origin.place {
            Place::Linked => None,
            Place::Library(path) | Place::Script(path) => {
                let found = Fingerprint::of_file(path)?;
                if self.stamp.is_some_and(|s| Stamp::of(path).ok() != Some(s)) {
                    let reason =
                        "the plugin was rebuilt since it was loaded; run again to use the new one";
                    return Err(Error::data(path, None, reason));
                }
                Some(found)
            }
        };
        Ok(self.code.get_or_init(|| found).as_ref())
    }

    fn key(&self) -> (Kind, String) {
        (self.description.kind, self.description.name.clone())
    }

    /// Kind, name and origin, for messages.
    fn label(&self) -> String {
        let Description { kind, name, .. } = &self.description;
        format!("{kind} `{name}` ({})", self.origin)
    }
}

/// Writes the method of [`Registry`] that makes instances of a kind.
macro_rules! makes {
    ($($(#[$doc:meta])* $method:ident: $kind:ident, $context:ty, $made:ty;)*) => {
        impl Registry {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::Unknown`], [`Error::Setting`], or what the component says.
                pub fn $method(&self, name: &str, settings: &Value, context: &$context) -> Result<Box<$made>> {
                    let settings = self.settings(Kind::$kind, name, settings)?;
                    let entry = self.entry(Kind::$kind, name)?;
                    match &entry.factory {
                        Factory::$kind(make) => make(&settings, context)
                            .and_then(|made| checked::$method(made, entry.label(), context))
                            .map_err(Error::component(format!("{} `{name}`", Kind::$kind), "create")),
                        _ => Err(self.unknown(Kind::$kind, name)),
                    }
                }
            )*
        }
    };
}

makes! {
    /// Makes a backbone.
    backbone: Backbone, BackboneContext, dyn Backbone;
    /// Makes a base embedder.
    base_embedder: BaseEmbedder, BaseEmbedderContext, dyn BaseEmbedder;
    /// Makes a language model.
    llm: Llm, LlmContext, dyn Llm;
    /// Makes a prompt strategy.
    prompt_strategy: PromptStrategy, PromptStrategyContext, dyn PromptStrategy;
    /// Makes a reducer.
    reducer: Reducer, ReducerContext, dyn Reducer;
}
