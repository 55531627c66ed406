//! What set-up needs on the machine, with a clear word where it is missing.

use crate::failure::{Failure, Result};
use crate::wheels::megabytes;
use std::path::Path;
use std::process::{Command, Stdio};

/// A C++ compiler: torch-sys compiles a wrapper with it.
pub fn need_cxx_compiler() -> Result<()> {
    let compiler = std::env::var("CXX")
        .ok()
        .filter(|c| !c.is_empty())
        .unwrap_or_else(|| "c++".to_owned());
    let mut words = compiler.split_whitespace();
    let program = words.next().unwrap_or("c++");
    if answers(Command::new(program).args(words).arg("--version")) {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "`{compiler} --version` does not run: a C++ compiler is needed. \
         Install one (Debian, Ubuntu: `apt-get install g++`) or name it in CXX."
    )))
}

/// Python with pip, which fetches the wheels.
pub fn need_pip() -> Result<()> {
    if answers(Command::new("python3").args(["-m", "pip", "--version"])) {
        return Ok(());
    }
    let missing = if answers(Command::new("python3").arg("--version")) {
        "`python3` is there, but `python3 -m pip` does not run. Install pip (Debian, Ubuntu: `apt-get install python3-pip`)"
    } else {
        "`python3` does not run. Install Python 3 with pip (Debian, Ubuntu: `apt-get install python3-pip`)"
    };
    Err(Failure::failed(format!(
        "{missing}: pip fetches libtorch and the default language model."
    )))
}

fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Room on the disk that holds `folder`. Where `df` does not tell, the disk itself will.
pub fn need_free_space(folder: &Path, bytes: u64) -> Result<()> {
    let Some(free) = free_bytes(folder).filter(|free| *free < bytes) else {
        return Ok(());
    };
    Err(Failure::failed(format!(
        "{}: about {} are needed, {} are free",
        folder.display(),
        megabytes(bytes),
        megabytes(free)
    )))
}

fn free_bytes(folder: &Path) -> Option<u64> {
    let output = Command::new("df")
        .args(["-P", "-k"])
        .arg(folder)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let kilobytes: u64 = text
        .lines()
        .nth(1)?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()?;
    Some(kilobytes * 1024)
}
