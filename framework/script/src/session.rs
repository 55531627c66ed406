//! What all functions of one script run share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapidary_core::artefact::Store;
use lapidary_core::data::{Dataset, load_toml};
use lapidary_core::pipeline::Context;
use lapidary_core::run::{RunFolder, Start};
use lapidary_core::{Error, Result, device, suggest};
use serde_json::json;

use crate::heap::Heap;

/// Bytes that a script's tensors may hold.
const TENSOR_LIMIT: usize = 8 << 30;

/// One script run.
pub(crate) struct Session {
    pub context: Context,
    pub heap: Rc<Heap>,
    script: PathBuf,
    set: BTreeMap<String, String>,
    asked: RefCell<Vec<String>>,
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
        let context = Context {
            store,
            registry: options.registry,
            device: options.device,
            seed: options.seed.unwrap_or(0),
            dry_run: options.dry_run,
            model_dirs: options.model_dirs,
            keep_checkpoints: Cell::new(false),
            folder: RunFolder::create(&options.runs, script, start)?,
        };
        Ok(Self {
            context,
            heap: Heap::new(TENSOR_LIMIT),
            script: script.to_path_buf(),
            set: options.set.into_iter().collect(),
            asked: RefCell::default(),
        })
    }

    /// The value of `--set KEY=VALUE`; remembers that the script knows the key.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.asked.borrow_mut().push(key.to_owned());
        self.set.get(key).map(String::as_str)
    }

    /// Notes the value that a setting of the script has in this run.
    pub fn note_setting(&self, key: &str, value: serde_json::Value) -> Result<()> {
        self.context.folder.record_in("settings", key, value)
    }

    /// Refuses `--set` keys that the script's text does not hold: before any work, where that much is certain.
    pub fn refuse_unmentioned_settings(&self, text: &str) -> std::result::Result<(), crate::Error> {
        let mut known: Vec<String> = text
            .split("lapidary.setting")
            .skip(1)
            .filter_map(|call| call.split(['"', '\'']).nth(1))
            .map(str::to_owned)
            .collect();
        known.sort();
        known.dedup();
        let unused = self.set.keys().filter(|key| !text.contains(*key));
        refuse_settings(unused, &known)
    }

    /// Refuses `--set` keys that the script never asked for.
    pub fn refuse_unused_settings(&self) -> std::result::Result<(), crate::Error> {
        let known = self.asked.borrow();
        let unused = self.set.keys().filter(|key| !known.contains(key));
        refuse_settings(unused, &known)
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
            let folders = [Path::new("")]
                .into_iter()
                .chain(script.ancestors().skip(1));
            let near = folders.map(|folder| suggest::files_like(&folder.join(&path)));
            let near = near
                .into_iter()
                .find(|near| !near.is_empty())
                .unwrap_or_default();
            let reason = match suggest::files_phrase(&path, &near) {
                Some(question) => format!("{reason}; {question}"),
                None => reason.to_owned(),
            };
            Error::data(&path, None, reason)
        })
    }

    /// Opens the data set that a TOML file describes; imports it into the store when needed.
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        let path = self.find(name)?;
        let data = load_toml(&path, &self.context.store.root().join("datasets"))?;
        let fingerprint = data.fingerprint().to_string();
        let note = json!({"path": path.display().to_string(), "fingerprint": fingerprint});
        self.context
            .folder
            .record_in("datasets", data.name(), note)?;
        Ok(data)
    }
}

fn refuse_settings<'a>(
    unused: impl Iterator<Item = &'a String>,
    known: &[String],
) -> std::result::Result<(), crate::Error> {
    let problems: Vec<String> = unused
        .map(|key| {
            let nearest = suggest::nearest(key, known);
            format!(
                "`--set {key}`: the script asks for no such setting{}",
                suggest::phrase(&nearest, known)
            )
        })
        .collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(crate::Error::usage(problems.join("; "))),
    }
}
