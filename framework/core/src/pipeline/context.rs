//! What the stages of one run share.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use serde_json::{Value, json};
use tch::Device;

use crate::artefact::{Content, Origin, Stage, Store};
use crate::device;
use crate::error::Result;
use crate::fingerprint::Fingerprint;
use crate::plugin::Registry;
use crate::run::RunFolder;

/// How `run.json` tells of an artefact whose making began and did not end yet.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Where stages find components and artefacts, and where they note what they did.
pub struct Context {
    /// Finished stages.
    pub store: Store,
    /// The components that can be used.
    pub registry: Registry,
    /// Where tensors live while they are computed with.
    pub device: Device,
    /// Seed of each stage that is given none.
    pub seed: u64,
    /// Check everything that can be checked, compute nothing.
    pub dry_run: bool,
    /// Folders in which language models are looked up by name.
    pub model_dirs: Vec<PathBuf>,
    /// Whether trainings leave their checkpoints in the store, so that one with more epochs goes on from there.
    pub keep_checkpoints: Cell<bool>,
    /// The run's own folder.
    pub folder: Rc<RunFolder>,
}

impl Context {
    /// Loads a stage's artefact or makes it, and notes in `run.json` which, from what and in which time. In a dry run
    /// nothing is loaded or made, and the note says whether the artefact is there.
    pub(super) fn stage(
        &self,
        sort: &str,
        fingerprint: &Fingerprint,
        inputs: Value,
        make: impl FnOnce(&Path) -> Result<Content>,
    ) -> Result<Option<Content>> {
        let key = format!("{sort} {}", fingerprint.short());
        if self.dry_run {
            let how = match self.store.has(sort, fingerprint) {
                true => "kept",
                false => "missing",
            };
            tracing::info!("{key}: {how}");
            let note = json!({"how": how, "fingerprint": fingerprint, "inputs": inputs});
            self.folder.record_in("artefacts", &key, note)?;
            return Ok(None);
        }
        let began = Instant::now();
        let stage = Stage {
            sort,
            fingerprint,
            inputs: json!({
                "settings": inputs,
                "device": device::name(self.device),
                "libtorch": crate::plugin::running_torch().to_string(),
            }),
        };
        // Noted before, so that what an interrupted run left behind is known to be wanted.
        let make = |work: &Path| {
            let note = json!({"how": UNFINISHED, "fingerprint": fingerprint, "inputs": inputs});
            self.folder.record_in("artefacts", &key, note)?;
            make(work)
        };
        let (content, origin) = self.store.load_or_make(&stage, make)?;
        let how = match origin {
            Origin::Loaded => "loaded",
            Origin::Made => "made",
        };
        tracing::info!("{key}: {how}");
        let seconds = began.elapsed().as_secs_f64();
        let note =
            json!({"how": how, "fingerprint": fingerprint, "seconds": seconds, "inputs": inputs});
        self.folder.record_in("artefacts", &key, note)?;
        Ok(Some(content))
    }
}
