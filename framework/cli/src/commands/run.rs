//! `lapidary run`

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use lapidary_core::{device, interrupt, suggest, sweep};
use lapidary_script::Options;

use super::watch;
use crate::args::{Run, Search};
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
    let told = std::env::var_os(sweep::TOLD).map(PathBuf::from);
    if told.is_some() {
        stop_with_sweep()?;
    }
    let device = choose_device(&command.device)?;
    let folder = watch::folder_of(&command.script);
    let found = components::load(&command.search, &folder)?;
    for refused in &found.report.refused {
        tracing::warn!("refused: {}", refused.error);
    }
    let options = Options {
        child: child(device, &command.keep.store, &command.search)?,
        told,
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
        reads: std::env::var_os(watch::READS).map(Into::into),
    };
    Ok(lapidary_script::run_file(&command.script, options)?)
}

/// The program and arguments that run another script with the same components, device and store.
pub(super) fn child(
    device: tch::Device,
    store: &Path,
    search: &Search,
) -> Result<Vec<OsString>, Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("this program's own file: {e}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = vec![program.into_os_string(), "--quiet".into(), "run".into()];
    child.extend(["--device".into(), device::name(device).into()]);
    child.extend(["--store".into(), store.into()]);
    for dir in &search.plugin_dir {
        child.extend(["--plugin-dir".into(), dir.into()]);
    }
    Ok(child)
}

/// A sweep holds a pipe to each of its runs; when it closes, the run stops at the next safe point.
fn stop_with_sweep() -> Result<(), Failure> {
    let wait = || {
        // Nothing is ever written to it.
        let _ = std::io::stdin().read(&mut [0]);
        interrupt::request();
    };
    let thread = std::thread::Builder::new().name("sweep".to_owned());
    let failed = |e: std::io::Error| Failure::failed(format!("a thread cannot be started: {e}"));
    thread.spawn(wait).map(drop).map_err(failed)
}

/// Opens libtorch's GPU half only where a GPU may be wanted.
pub(super) fn choose_device(text: &str) -> Result<tch::Device, Failure> {
    if text != "cpu" {
        device::open_gpu_library();
    }
    device::parse(text).map_err(|error| Failure::from(error).into_usage())
}

pub(super) fn check_script(script: &Path) -> Result<(), Failure> {
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
