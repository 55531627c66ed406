//! `lapidary run`

use std::path::Path;

use lapidary_core::{device, suggest};
use lapidary_script::Options;

use crate::args::Run;
use crate::failure::Failure;
use crate::{components, places, signals};

/// Runs a script.
///
/// # Errors
/// What the user must be told.
pub fn execute(command: Run) -> Result<(), Failure> {
    check_script(&command.script)?;
    signals::listen()?;
    if let Some(threads) = command.threads {
        tch::set_num_threads(threads);
    }
    let device = choose_device(&command.device)?;
    let found = components::load(&command.search)?;
    for refused in &found.report.refused {
        tracing::warn!("refused: {}", refused.error);
    }
    let options = Options {
        device,
        seed: command.seed,
        dry_run: command.dry_run,
        set: command.set,
        store: command.keep.store,
        runs: command.runs,
        registry: found.registry,
        model_dirs: places::model_dirs(),
        command: std::env::args_os()
            .map(|part| part.to_string_lossy().into_owned())
            .collect(),
    };
    Ok(lapidary_script::run_file(&command.script, options)?)
}

/// Opens libtorch's GPU half only where a GPU may be wanted.
fn choose_device(text: &str) -> Result<tch::Device, Failure> {
    if text != "cpu" {
        device::open_gpu_library();
    }
    device::parse(text).map_err(|error| Failure::from(error).into_usage())
}

fn check_script(script: &Path) -> Result<(), Failure> {
    if script.is_file() {
        return Ok(());
    }
    let reason = match script.exists() {
        true => "not a file",
        false => "no such script",
    };
    let failure = Failure::usage(format!("{}: {reason}", script.display()));
    match suggest::files_phrase(script, &suggest::files_like(script)) {
        Some(hint) => Err(failure.hint(hint)),
        None => Err(failure),
    }
}
