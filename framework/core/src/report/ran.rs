//! What ran: script, settings, versions, times.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::pipeline::KeptRun;

/// What ran, as `run.json` tells it.
#[derive(Clone, Debug, Serialize)]
pub struct Ran {
    /// The folder's name.
    pub name: String,
    /// The script's file name.
    pub script: String,
    /// SHA-256 of its text.
    pub script_sha256: String,
    /// `done`, `failed`, `interrupted` or `running`.
    pub outcome: String,
    /// Why it failed.
    pub message: Option<String>,
    /// The command line; the program without its folder.
    pub command: Vec<String>,
    /// When it began, RFC 3339.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// Where it computed.
    pub device: String,
    /// Threads of libtorch.
    pub threads: u64,
    /// The script's settings and the values that they had.
    pub settings: Map<String, Value>,
    /// Seeds of trainings.
    pub seeds: Map<String, Value>,
    /// Versions of Lapidary and of what it stands on.
    pub versions: Map<String, Value>,
    /// The plugins of the components.
    pub plugins: Vec<Plugin>,
    /// The components and their settings.
    pub components: Vec<Part>,
}

/// A plugin that a run used.
#[derive(Clone, Debug, Serialize)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// SHA-256 of its library.
    pub sha256: Option<String>,
}

/// A component that a run used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its plugin's version.
    pub version: String,
    /// Its settings.
    pub settings: Value,
}

/// What every run notes from its beginning.
#[derive(Deserialize)]
struct Noted {
    script: Script,
    outcome: String,
    message: Option<String>,
    command: Vec<String>,
    started: String,
    ended: Option<String>,
    seconds: Option<f64>,
    seed: Option<u64>,
    device: String,
    threads: u64,
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    seeds: Map<String, Value>,
    #[serde(default)]
    versions: Map<String, Value>,
    #[serde(default)]
    plugins: Map<String, Value>,
    #[serde(default)]
    components: Map<String, Value>,
}

#[derive(Deserialize)]
struct Script {
    path: String,
    sha256: String,
}

impl Ran {
    pub(super) fn of(run: &KeptRun) -> Result<Self> {
        let noted = Noted::deserialize(run.record())
            .map_err(|e| Error::damaged(run.folder().join("run.json"), e.to_string()))?;
        let Noted { mut command, .. } = noted;
        if let Some(program) = command.first_mut() {
            *program = file_name(&*program);
        }
        let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
        let plugins = noted.plugins.iter().map(|(name, note)| Plugin {
            name: name.clone(),
            version: text(note, "version"),
            sha256: text(note, "sha256"),
        });
        let components = noted.components.values();
        Ok(Self {
            name: file_name(run.folder()),
            script: file_name(&noted.script.path),
            script_sha256: noted.script.sha256,
            outcome: noted.outcome,
            message: noted.message,
            started: noted.started,
            ended: noted.ended,
            seconds: noted.seconds,
            seed: noted.seed,
            device: noted.device,
            threads: noted.threads,
            settings: noted.settings,
            seeds: noted.seeds,
            versions: noted.versions,
            plugins: plugins.collect(),
            components: components
                .filter_map(|note| Part::deserialize(note).ok())
                .collect(),
            command,
        })
    }
}

/// The last part of a path: where it lay on somebody's machine is nobody else's business.
fn file_name(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let name = whole.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
