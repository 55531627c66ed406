//! `lapidary doctor`

use std::path::{Path, PathBuf};

use lapidary_core::plugin;
use serde::Serialize;

use crate::args::Doctor;
use crate::components::{self, Refusal};
use crate::doctor::models::{self, Model};
use crate::doctor::{gpu, libraries};
use crate::failure::Failure;
use crate::{output, places};

/// `lapidary doctor --json`
#[derive(Serialize)]
struct Report {
    format: u32,
    lapidary: &'static str,
    libtorch: Libtorch,
    devices: Vec<String>,
    gpu_problem: Option<String>,
    threads: Threads,
    plugins: Plugins,
    models: Models,
    store: Place,
}

#[derive(Serialize)]
struct Libtorch {
    version: String,
    file: Option<PathBuf>,
    /// Other copies in this process: there should be none.
    other_copies: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Threads {
    cores: usize,
    within_operations: i32,
    between_operations: i32,
}

#[derive(Serialize)]
struct Plugins {
    searched: Vec<PathBuf>,
    loaded: Vec<Loaded>,
    refused: Vec<Refusal>,
}

#[derive(Serialize)]
struct Loaded {
    file: PathBuf,
    components: Vec<String>,
}

#[derive(Serialize)]
struct Models {
    searched: Vec<PathBuf>,
    found: Vec<Model>,
}

#[derive(Serialize)]
struct Place {
    path: PathBuf,
    exists: bool,
    /// Files and folders in it.
    holds: Vec<String>,
}

/// Looks at everything and prints it.
///
/// # Errors
/// When a folder of `--plugin-dir` is not there.
pub fn execute(command: &Doctor) -> Result<(), Failure> {
    let report = gather(command)?;
    match command.json {
        true => output::print_json(&report),
        false => output::print(&report.text()),
    }
}

fn gather(command: &Doctor) -> Result<Report, Failure> {
    let gpus = gpu::Facts::gather();
    let found = components::load_here(&command.search)?;
    let models_searched = places::model_dirs();
    let loaded = found.report.loaded.iter().map(|library| Loaded {
        file: library.path.clone(),
        components: library
            .components
            .iter()
            .map(|(kind, name)| format!("{kind} {name}"))
            .collect(),
    });
    Ok(Report {
        format: output::FORMAT,
        lapidary: env!("CARGO_PKG_VERSION"),
        libtorch: libtorch(),
        devices: std::iter::once("cpu".to_owned())
            .chain((0..gpus.count).map(|n| format!("cuda:{n}")))
            .collect(),
        gpu_problem: gpus.problem(),
        threads: Threads {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            within_operations: tch::get_num_threads(),
            between_operations: tch::get_num_interop_threads(),
        },
        plugins: Plugins {
            searched: found.folders,
            loaded: loaded.collect(),
            refused: Refusal::all(&found.report.refused),
        },
        models: Models {
            found: models::find(&models_searched),
            searched: models_searched,
        },
        store: Place::look(&command.keep.store),
    })
}

/// Called when all plugins are loaded: one of them may have brought a copy.
fn libtorch() -> Libtorch {
    let file = plugin::running_torch_path();
    let mapped = libraries::mapped();
    let copies = libraries::libtorch(&mapped).into_iter();
    let other = copies.filter(|path| std::fs::canonicalize(path).ok() != file);
    Libtorch {
        version: plugin::running_torch().to_string(),
        other_copies: other.map(Path::to_path_buf).collect(),
        file,
    }
}

impl Place {
    fn look(path: &Path) -> Self {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut holds: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        holds.sort();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        Self {
            exists: path.is_dir(),
            path,
            holds,
        }
    }
}

impl Report {
    fn text(&self) -> String {
        let pairs = [
            ("lapidary", self.lapidary.to_owned()),
            ("libtorch", self.libtorch.text()),
            ("devices", self.devices.join(", ")),
            (
                "GPU",
                self.gpu_problem
                    .as_ref()
                    .map_or("usable".to_owned(), |p| format!("none: {p}")),
            ),
            ("threads", self.threads.text()),
            ("plugins", self.plugins.text()),
            ("models", self.models.text()),
            ("store", self.store.text()),
        ];
        output::pairs("", &pairs.map(|(name, text)| (name.to_owned(), text)))
    }
}

impl Libtorch {
    fn text(&self) -> String {
        let file = self.file.as_ref().map(|f| format!(", {}", f.display()));
        let mut text = format!("{}{}", self.version, file.unwrap_or_default());
        for copy in &self.other_copies {
            text += &format!(
                "\nWARNING: a second copy is in this process: {}; tensors of one are garbage to the other",
                copy.display()
            );
        }
        text
    }
}

impl Threads {
    fn text(&self) -> String {
        let Self {
            cores,
            within_operations: within,
            between_operations: between,
        } = self;
        format!("{within} within operations, {between} between operations, on {cores} cores")
    }
}

impl Plugins {
    fn text(&self) -> String {
        let searched = self
            .searched
            .iter()
            .map(|f| format!("searched {}", f.display()));
        let loaded = (self.loaded.iter())
            .map(|l| format!("loaded {}: {}", l.file.display(), l.components.join(", ")));
        let refused = self.refused.iter().map(|r| format!("refused {r}"));
        searched
            .chain(loaded)
            .chain(refused)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Models {
    fn text(&self) -> String {
        let searched = self
            .searched
            .iter()
            .map(|f| format!("searched {}", f.display()));
        let found = self
            .found
            .iter()
            .map(|m| format!("{}, {}", m.name, m.path.display()));
        let lines: Vec<String> = searched.chain(found).collect();
        match lines.is_empty() {
            true => {
                "none: `cargo xtask setup` fetches the default one; LAPIDARY_MODELS names folders"
                    .to_owned()
            }
            false => lines.join("\n"),
        }
    }
}

impl Place {
    fn text(&self) -> String {
        let holds = match (self.exists, self.holds.is_empty()) {
            (false, _) => "not there yet".to_owned(),
            (true, true) => "empty".to_owned(),
            (true, false) => self.holds.join(", "),
        };
        format!("{} ({holds})", self.path.display())
    }
}
