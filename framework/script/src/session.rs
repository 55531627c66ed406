//! What all functions of one script run share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapidary_core::artefact::{Content, Origin, Stage, Store};
use lapidary_core::data::{Dataset, load_toml};
use lapidary_core::fingerprint::{Builder, Fingerprint};
use lapidary_core::plugin::Registry;
use lapidary_core::run::{RunFolder, Start};
use lapidary_core::{Error, Result, device, suggest};
use lapidary_sdk::Kind;
use serde_json::{Value as Json, json};
use tch::Device;

use crate::heap::Heap;

/// Bytes that a script's tensors may hold.
const TENSOR_LIMIT: usize = 8 << 30;

/// One script run.
pub(crate) struct Session {
    pub device: Device,
    pub seed: u64,
    pub dry_run: bool,
    pub store: Store,
    pub registry: RefCell<Registry>,
    pub model_dirs: Vec<PathBuf>,
    pub heap: Rc<Heap>,
    folder: Rc<RunFolder>,
    script: PathBuf,
    set: BTreeMap<String, String>,
    asked: RefCell<Vec<String>>,
    stages: Cell<u32>,
}

/// A component that a script chose: its place in the registry and its settings, checked and complete.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub kind: Kind,
    pub name: String,
    pub settings: Json,
    pub fingerprint: Fingerprint,
}

impl Session {
    /// Opens the store and makes the run's folder.
    pub fn start(script: &Path, options: crate::Options) -> Result<Self> {
        let store = Store::open(&options.store)?;
        let start = Start {
            command: options.command,
            set: options.set.clone(),
            seed: options.seed,
            device: device::name(options.device),
            threads: tch::get_num_threads().max(0) as usize,
            versions: vec![
                (
                    "libtorch".to_owned(),
                    lapidary_core::plugin::running_torch().to_string(),
                ),
                ("lua".to_owned(), "5.4".to_owned()),
            ],
            dry_run: options.dry_run,
        };
        let folder = Rc::new(RunFolder::create(&options.runs, script, start)?);
        Ok(Self {
            device: options.device,
            seed: options.seed.unwrap_or(0),
            dry_run: options.dry_run,
            store,
            registry: RefCell::new(options.registry),
            model_dirs: options.model_dirs,
            heap: Heap::new(TENSOR_LIMIT),
            folder,
            script: script.to_path_buf(),
            set: options.set.into_iter().collect(),
            asked: RefCell::default(),
            stages: Cell::new(0),
        })
    }

    /// The run's folder.
    pub fn folder(&self) -> Rc<RunFolder> {
        Rc::clone(&self.folder)
    }

    /// A name for the next training stage, unique in this run.
    pub fn next_stage(&self, what: &str) -> String {
        self.stages.set(self.stages.get() + 1);
        format!("{:02}-{what}", self.stages.get())
    }

    /// The value of `--set KEY=VALUE`; remembers that the script knows the key.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.asked.borrow_mut().push(key.to_owned());
        self.set.get(key).map(String::as_str)
    }

    /// Refuses `--set` keys that the script never asked for.
    pub fn refuse_unused_settings(&self) -> std::result::Result<(), crate::Error> {
        let known = self.asked.borrow();
        let unused: Vec<String> = (self.set.keys())
            .filter(|key| !known.contains(key))
            .map(|key| {
                let nearest = suggest::nearest(key, &known);
                format!(
                    "`--set {key}`: the script asks for no such setting{}",
                    suggest::phrase(&nearest, &known)
                )
            })
            .collect();
        match unused.is_empty() {
            true => Ok(()),
            false => Err(crate::Error::usage(unused.join("; "))),
        }
    }

    /// Finds a file that a script names: from the working directory, or from the script's folder or the nearest folder
    /// above it that has it.
    pub fn find(&self, name: &str) -> Result<PathBuf> {
        let path = PathBuf::from(name);
        if path.exists() {
            return Ok(path);
        }
        let script = self
            .script
            .canonicalize()
            .map_err(Error::io(&self.script))?;
        let found = script
            .ancestors()
            .skip(1)
            .map(|folder| folder.join(&path))
            .find(|p| p.exists());
        found.ok_or_else(|| {
            let reason =
                "not found, neither from the working directory nor beside or above the script";
            Error::data(&path, None, reason)
        })
    }

    /// Opens the data set that a TOML file describes; imports it into the store when needed.
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        let path = self.find(name)?;
        let data = load_toml(&path, &self.store.root().join("datasets"))?;
        let fingerprint = data.fingerprint().to_string();
        let note = json!({"path": path.display().to_string(), "fingerprint": fingerprint});
        self.folder.record_in("datasets", data.name(), note)?;
        Ok(data)
    }

    /// Finds a component and checks its settings; its choice is noted in `run.json`.
    pub fn choose(&self, kind: Kind, name: &str, settings: &Json) -> Result<Chosen> {
        let registry = self.registry.borrow();
        let entry = registry.entry(kind, name)?;
        let settings = registry.settings(kind, name, settings)?;
        let fingerprint = Builder::new("component")
            .text("kind", kind.name())
            .text("name", name)
            .text("version", &entry.origin.version)
            .json("settings", &settings)
            .finish();
        let note = json!({"origin": entry.origin.to_string(), "version": entry.origin.version, "settings": settings});
        self.folder
            .record_in("components", &format!("{kind} {name}"), note)?;
        let origin = &entry.origin;
        let plugin = json!({"version": origin.version, "sha256": origin.fingerprint()?});
        self.folder.record_in("plugins", &origin.plugin, plugin)?;
        Ok(Chosen {
            kind,
            name: name.to_owned(),
            settings,
            fingerprint,
        })
    }

    /// Loads a stage's artefact or makes it. In a dry run nothing is made: the result is none unless it is there.
    pub fn stage(
        &self,
        sort: &str,
        fingerprint: &Fingerprint,
        inputs: Json,
        make: impl FnOnce(&Path) -> Result<Content>,
    ) -> Result<Option<Content>> {
        if self.dry_run {
            return Ok(None);
        }
        let stage = Stage {
            sort,
            fingerprint,
            inputs,
        };
        let (content, origin) = self.store.load_or_make(&stage, make)?;
        let how = if origin == Origin::Loaded {
            "loaded"
        } else {
            "made"
        };
        tracing::info!("{sort} {}: {how}", fingerprint.short());
        self.folder
            .record_in("artefacts", &format!("{sort} {}", fingerprint.short()), how)?;
        Ok(Some(content))
    }
}
