//! What all functions of one script run share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapidary_core::artefact::Store;
use lapidary_core::data::import::ImportSpec;
use lapidary_core::data::{Dataset, load};
use lapidary_core::pipeline::Context;
use lapidary_core::plugin::Registry;
use lapidary_core::run::{RunFolder, Start};
use lapidary_core::{Error, Result, device, mistakes, suggest, sweep};
use serde_json::json;

use crate::heap::Heap;

/// Bytes that a script's tensors may hold.
const TENSOR_LIMIT: usize = 8 << 30;

/// One script run.
pub(crate) struct Session {
    pub context: Context,
    pub heap: Rc<Heap>,
    /// Where files are looked for that are not below the working directory: here and in the folders above.
    from: PathBuf,
    set: BTreeMap<String, String>,
    asked: RefCell<Vec<String>>,
    reads: Option<PathBuf>,
    /// Configurations that the script read.
    pub configs: RefCell<Vec<PathBuf>>,
    /// How another script is run.
    pub child: Vec<OsString>,
    /// Whether this run is one of a sweep.
    pub is_of_sweep: bool,
    /// What `--seed` gave.
    pub seed: Option<u64>,
    /// Where runs have their folders.
    pub runs: PathBuf,
    /// Threads of libtorch.
    pub threads: usize,
}

impl Session {
    /// Opens the store and makes the run's folder. The script need not be a file.
    pub fn start(script: &Path, text: &str, options: crate::Options) -> Result<Self> {
        let real = script
            .canonicalize()
            .or_else(|_| std::path::absolute(script));
        let mut from = real.map_err(Error::io(script))?;
        from.pop();
        let store = Store::open(&options.store)?;
        store.used_by(&options.runs)?;
        let threads = tch::get_num_threads().max(0) as usize;
        let start = Start {
            command: options.command,
            set: options.set.clone(),
            seed: options.seed,
            device: device::name(options.device),
            threads,
            versions: vec![
                (
                    "libtorch".to_owned(),
                    lapidary_core::plugin::running_torch().to_string(),
                ),
                ("lua".to_owned(), "5.4".to_owned()),
            ],
            dry_run: options.dry_run,
        };
        let folder = RunFolder::of_text(&options.runs, script, text.as_bytes(), start)?;
        if let Some(file) = &options.told {
            sweep::tell(file, folder.path())?;
            folder.record("sweep", sweep::of(file))?;
        }
        let context = Context {
            store,
            registry: options.registry,
            device: options.device,
            seed: options.seed.unwrap_or(0),
            dry_run: options.dry_run,
            model_dirs: options.model_dirs,
            keep_checkpoints: Cell::new(false),
            folder: Rc::new(folder),
        };
        Ok(Self {
            context,
            heap: Heap::new(TENSOR_LIMIT),
            from,
            set: options.set.into_iter().collect(),
            asked: RefCell::default(),
            reads: options.reads,
            configs: RefCell::default(),
            child: options.child,
            is_of_sweep: options.told.is_some(),
            seed: options.seed,
            runs: options.runs,
            threads,
        })
    }

    /// The same session with other components: values that scripts hold keep those that they were made with.
    pub fn renewed(&self, registry: Registry) -> Result<Self> {
        let of = &self.context;
        Ok(Self {
            context: Context {
                store: Store::open(of.store.root())?,
                registry,
                device: of.device,
                seed: of.seed,
                dry_run: of.dry_run,
                model_dirs: of.model_dirs.clone(),
                keep_checkpoints: Cell::new(of.keep_checkpoints.get()),
                folder: Rc::clone(&of.folder),
            },
            heap: Rc::clone(&self.heap),
            from: self.from.clone(),
            set: self.set.clone(),
            asked: self.asked.clone(),
            reads: self.reads.clone(),
            configs: self.configs.clone(),
            child: self.child.clone(),
            is_of_sweep: self.is_of_sweep,
            seed: self.seed,
            runs: self.runs.clone(),
            threads: self.threads,
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
        let folders = || [Path::new("")].into_iter().chain(self.from.ancestors());
        for place in folders().map(|folder| folder.join(&path)) {
            // Also where nothing is: what is put there would be found next time.
            self.note_read(&place)?;
            if place.exists() {
                return Ok(place);
            }
        }
        let reason = "not found, neither from the working directory nor beside or above the script";
        let near = folders().find_map(|folder| {
            let names = suggest::files_like(&folder.join(&path));
            Some((folder.join(path.with_file_name(names.first()?)), names))
        });
        let Some((nearest, names)) = near else {
            return Err(Error::data(&path, None, reason));
        };
        let question = suggest::files_phrase(&path, &names).unwrap_or_default();
        mistakes::note(Error::data(&path, None, format!("{reason}; {question}")))?;
        self.note_read(&nearest)?;
        Ok(nearest)
    }

    /// Tells who watches the run that it read a file, or looked for it.
    fn note_read(&self, path: &Path) -> Result<()> {
        let Some(list) = &self.reads else {
            return Ok(());
        };
        let path = std::path::absolute(path).map_err(Error::io(path))?;
        let opened = OpenOptions::new().append(true).create(true).open(list);
        let written = opened.and_then(|mut list| writeln!(list, "{}", path.display()));
        written.map_err(Error::io(list))
    }

    /// Opens the data set that a TOML file describes; imports it into the store when needed.
    pub fn dataset(&self, name: &str) -> Result<Dataset> {
        let path = self.find(name)?;
        let spec = ImportSpec::from_toml(&path)?;
        for file in spec.files() {
            self.note_read(&file)?;
        }
        let (data, _) = load(&spec, &self.context.store.datasets())?;
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
        false => Err(crate::Error::usage(problems.join("\n"))),
    }
}
