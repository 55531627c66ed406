//! libtorch: which one is used, whether it is whole, and how it is put together from wheels.

use crate::extract::{extract, replace};
use crate::failure::{Failure, Result};
use crate::pins;
use crate::wheels::Wheel;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// What `tch` binds to.
const VERSION: Version = (2, 11);
/// Major and minor.
type Version = (u32, u32);

/// The folder below `.deps`.
pub const FOLDER: &str = "libtorch";
/// Written into the folder when it is whole: the wheels it was made of, the size of each library, and number and bytes of
/// all headers.
const RECORD: &str = "setup.json";

/// Its headers, below `.deps`.
const HEADERS: &str = "libtorch/include";

const CPU_LIBRARIES: [&str; 5] = [
    "libc10.so",
    "libgomp.so.1",
    "libtorch.so",
    "libtorch_cpu.so",
    "libtorch_global_deps.so",
];
const CUDA_LIBRARIES: [&str; 5] = [
    "libc10_cuda.so",
    "libcaffe2_nvrtc.so",
    "libtorch_cuda.so",
    "libtorch_cuda_linalg.so",
    "libtorch_nvshmem.so",
];
/// The places in libtorch's search path where files are told from the version.
const VERSION_HEADERS: [&str; 2] = [
    "include/torch/headeronly/version.h",
    "include/torch/csrc/api/include/torch/version.h",
];

/// What is to be done about libtorch.
#[derive(Debug, PartialEq)]
pub enum State {
    /// Nothing.
    Ready,
    /// The folder becomes a link to this one.
    Link(PathBuf),
    /// It is fetched.
    Fetch,
}

/// The wheels that libtorch is made of.
pub fn wheels(cuda: bool) -> Vec<Wheel> {
    let gpu: &[Wheel] = if cuda { &pins::CUDA } else { &[] };
    pins::LIBTORCH.iter().chain(gpu).copied().collect()
}

/// What is to be done below `deps`, where `variable` is the user's `LIBTORCH`.
///
/// # Errors
/// `LIBTORCH`, or a folder that set-up did not make, is no libtorch of the version needed.
pub fn state(deps: &Path, variable: Option<OsString>, cuda: bool) -> Result<State> {
    let own = deps.join(FOLDER);
    if let Some(given) = given(variable, &own) {
        return match usable(&given, cuda) {
            Ok(()) => Ok(State::Link(given)),
            Err(reason) => Err(Failure::refused(format!(
                "LIBTORCH={}: {reason}. Lapidary needs libtorch {}.{}: point LIBTORCH at one, \
                 or unset it and set-up fetches one.",
                given.display(),
                VERSION.0,
                VERSION.1
            ))),
        };
    }
    if !own.is_symlink() && own.join(RECORD).is_file() {
        return Ok(if is_whole(deps, cuda) {
            State::Ready
        } else {
            State::Fetch
        });
    }
    match usable(&own, cuda) {
        Ok(()) => Ok(State::Ready),
        Err(_) if own.is_symlink() || !own.exists() => Ok(State::Fetch),
        Err(reason) => Err(Failure::refused(format!(
            "{}: set-up did not make this folder, and {reason}. Remove it, and set-up fetches libtorch {}.{}.",
            own.display(),
            VERSION.0,
            VERSION.1
        ))),
    }
}

/// The user's `LIBTORCH`. Cargo sets it to our own folder for the programs it runs; that is none.
fn given(variable: Option<OsString>, own: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(variable.filter(|v| !v.is_empty())?).ok()?;
    let same = path == own
        || (parent_resolved(&path).is_some() && parent_resolved(&path) == parent_resolved(own))
        || (path.exists() && path.canonicalize().ok() == own.canonicalize().ok());
    (!same).then_some(path)
}

fn parent_resolved(path: &Path) -> Option<PathBuf> {
    Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
}

/// Whether `folder` holds a libtorch that the project can be built with; if not, why.
fn usable(folder: &Path, cuda: bool) -> std::result::Result<(), String> {
    if !folder.is_dir() {
        return Err("there is no such folder".to_owned());
    }
    match version_in(folder) {
        None => {
            return Err(format!(
                "there is no libtorch in it (no {})",
                VERSION_HEADERS[0]
            ));
        }
        Some(found) if found != VERSION => {
            return Err(format!("it holds libtorch {}.{}", found.0, found.1));
        }
        Some(_) => {}
    }
    let needed = ["libc10.so", "libtorch.so", "libtorch_cpu.so"]
        .iter()
        .chain(cuda.then_some(&"libtorch_cuda.so"));
    let missing: Vec<String> = needed
        .map(|name| format!("lib/{name}"))
        .filter(|name| !folder.join(name).is_file())
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("it lacks {}", missing.join(", ")))
    }
}

fn version_in(folder: &Path) -> Option<Version> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    VERSION_HEADERS
        .iter()
        .find_map(|name| version_of_header(&read(name)?))
        .or_else(|| version_of_number(&read("build-version")?))
}

fn version_of_header(text: &str) -> Option<Version> {
    let number = |name: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("#define") && words.next() == Some(name))
                .then(|| words.next()?.parse().ok())?
        })
    };
    Some((
        number("TORCH_VERSION_MAJOR")?,
        number("TORCH_VERSION_MINOR")?,
    ))
}

fn version_of_number(text: &str) -> Option<Version> {
    let mut parts = text.trim().split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether the recorded wheels are those of the table and the files have the recorded sizes.
fn is_whole(deps: &Path, cuda: bool) -> bool {
    let text = fs::read_to_string(deps.join(FOLDER).join(RECORD)).unwrap_or_default();
    let record: Value = serde_json::from_str(&text).unwrap_or_default();
    let wheels_fit = wheels(cuda)
        .iter()
        .all(|wheel| record["wheels"][wheel.file] == wheel.sha256);
    let libraries_fit = record["libraries"].as_object().is_some_and(|libraries| {
        libraries
            .iter()
            .all(|(path, bytes)| fs::metadata(deps.join(path)).is_ok_and(|m| *bytes == m.len()))
    });
    wheels_fit && libraries_fit && record["headers"] == Headers::below(&deps.join(HEADERS)).record()
}

/// How many headers there are and how large they are together; listing each would make the record as long as a book.
#[derive(Default)]
struct Headers {
    files: u64,
    bytes: u64,
}

impl Headers {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }

    /// Those in `folder`; what cannot be read counts as missing.
    fn below(folder: &Path) -> Self {
        let mut found = Self::default();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => {
                    let inner = Self::below(&entry.path());
                    found.files += inner.files;
                    found.bytes += inner.bytes;
                }
                Ok(about) => found.add(about.len()),
                Err(_) => {}
            }
        }
        found
    }

    fn record(&self) -> Value {
        json!({ "files": self.files, "bytes": self.bytes })
    }
}

/// Puts libtorch together from `fetched` wheels below `scratch`, then moves it to its place.
pub fn install(
    deps: &Path,
    scratch: &Path,
    fetched: &[(Wheel, PathBuf)],
    cuda: bool,
) -> Result<()> {
    let staged = scratch.join("staged");
    let (mut wheels, mut libraries, mut headers) = (Map::new(), Map::new(), Headers::default());
    for (wheel, path) in fetched {
        wheels.insert(wheel.file.to_owned(), json!(wheel.sha256));
        for (file, bytes) in extract(path, &staged, |member| place(member, cuda))? {
            if file.parent().is_some_and(|folder| folder.ends_with("lib")) {
                libraries.insert(file.display().to_string(), json!(bytes));
            } else if file.starts_with(HEADERS) {
                headers.add(bytes);
            }
        }
    }
    let record = staged.join(FOLDER).join(RECORD);
    let text = format!(
        "{:#}\n",
        json!({ "wheels": wheels, "libraries": libraries, "headers": headers.record() })
    );
    fs::write(&record, text).map_err(Failure::io(&record))?;
    // libtorch last: its record vouches for all of them.
    for name in ["nvidia", FOLDER] {
        if staged.join(name).exists() {
            replace(
                &staged.join(name),
                &deps.join(name),
                &scratch.join(format!("old-{name}")),
            )?;
        }
    }
    Ok(())
}

/// Makes the folder a link to `target`.
pub fn link(deps: &Path, scratch: &Path, target: &Path) -> Result<()> {
    let staged = scratch.join("link");
    std::os::unix::fs::symlink(target, &staged).map_err(Failure::io(&staged))?;
    replace(&staged, &deps.join(FOLDER), &scratch.join("old-libtorch"))
}

/// Where a wheel's member goes below `.deps`, if it is kept. libtorch finds libraries beside itself and in `../../nvidia`.
fn place(member: &str, cuda: bool) -> Option<PathBuf> {
    let path = Path::new(member);
    let name = path.file_name()?.to_str()?;
    if let Some(header) = member.strip_prefix("torch/include/") {
        return Some(Path::new(HEADERS).join(header));
    }
    let beside = match path.parent()?.to_str()? {
        "torch/lib" => CPU_LIBRARIES.contains(&name) || (cuda && CUDA_LIBRARIES.contains(&name)),
        "nvidia/cu13/lib" => matches!(name, "libcudart.so.13" | "libcupti.so.13"),
        _ => false,
    };
    if beside {
        return Some(Path::new(FOLDER).join("lib").join(name));
    }
    let gpu = cuda
        && path.starts_with("nvidia")
        && path.parent()?.ends_with("lib")
        && name.contains(".so");
    gpu.then(|| path.to_path_buf())
}

#[cfg(test)]
mod tests;
